// `npm run bench -- --growth`: the same requests to a store with more and more in it. What is flat costs what
// is asked for, not what is stored.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Filling, fill, rareType } from './fill.ts';
import { demand, perSecond } from './load.ts';
import { head } from './pushes.ts';
import { rows } from './rows.ts';
import { type Server, startBerthToMeasure } from './servers.ts';
import { median } from './statistics.ts';

const sizes: readonly Filling[] = [
  { repositories: 1000, tags: 10, referrers: 100 },
  { repositories: 10_000, tags: 10, referrers: 1000 },
  { repositories: 100_000, tags: 10, referrers: 10_000 },
];

/** Of the rows that are about bytes, those that documents have a part in, or could. */
const bytesAgain: readonly string[] = ['blob GET, 4 KiB', '512 MiB layer, docker'];

/** Rows of the main table. */
const again = rows.filter(({ name, kind }) => kind !== 'bytes' || bytesAgain.includes(name));

interface Measure {
  readonly name: string;
  /** @returns requests a second */
  run(server: Server, seconds: number): Promise<number>;
}

/** A request that is another each time, somewhere in all that is stored. */
function anywhere(name: string, path: (filling: Filling, image: string) => string) {
  return (filling: Filling, image: string): Measure => ({
    name,
    run: async (server, seconds) => {
      const target = { server, name: '', authorization: server.basic };
      return perSecond(server, { connections: 32, seconds }, async (connection) => {
        await demand(connection, head(target, 'GET', path(filling, image)), 200);
      });
    },
  });
}

const grown = ({ repositories }: Filling) =>
  `bench/grown-${String(Math.floor(Math.random() * repositories)).padStart(6, '0')}`;

const scattered = [
  anywhere('manifest GET by tag, anywhere', (filling) => `/v2/${grown(filling)}/manifests/v3`),
  anywhere('10 tags of a repository, anywhere', (filling) => `/v2/${grown(filling)}/tags/list`),
  anywhere('100 repositories, anywhere', (filling) => `/v2/_catalog?n=100&last=${grown(filling)}`),
  anywhere('referrers of one image, a page', (_, image) => `/v2/bench/referred/referrers/${image}`),
  // Digests are spread evenly: seven of eight come before this one.
  anywhere(
    'referrers of one image, a late page',
    (_, image) => `/v2/bench/referred/referrers/${image}?last=sha256:${'e'.padEnd(64, '0')}`,
  ),
  anywhere(
    'referrers of one image, a page of one type',
    (_, image) => `/v2/bench/referred/referrers/${image}?artifactType=${rareType}`,
  ),
];

/** Measures each size in turn. @param directory where the stores are made, and removed again */
export async function measureGrowth(
  directory: string,
  options: { readonly rounds: number; readonly seconds: number },
  show: (name: string, values: readonly number[]) => void,
): Promise<void> {
  const table = new Map<string, number[]>();
  for (const filling of sizes) {
    const space = await mkdtemp(join(directory, 'berth-growth-'));
    try {
      const image = await fill(join(space, 'data'), filling);
      const server = await startBerthToMeasure(space);
      const add = (name: string, value: number) =>
        table.set(name, [...(table.get(name) ?? []), value]);
      add('time to ready, ms', server.readyMs);
      for (const make of scattered) {
        const { name, run } = make(filling, image);
        const values = [];
        for (let round = 0; round < options.rounds; round += 1)
          values.push(await run(server, options.seconds));
        add(name, median(values));
      }
      for (const row of again) {
        const measure = await row.prepare(server);
        const values = [];
        for (let round = 0; round < options.rounds; round += 1)
          values.push(await measure(options.seconds));
        add(row.name, median(values));
      }
      add('peak memory, MiB', (await server.peakBytes()) / 1024 / 1024);
      await server.stop();
    } finally {
      await rm(space, { recursive: true, force: true });
    }
  }
  for (const [name, values] of table) show(name, values);
}

export const growthColumns = sizes.map(
  ({ repositories, tags, referrers }) =>
    `${repositories / 1000}k/${(repositories * tags) / 1000}k/${referrers}`,
);
