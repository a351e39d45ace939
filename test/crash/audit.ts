// A look at everything that clients can see of a registry that nobody else uses, held against the ledger.

import assert from 'node:assert/strict';
import type { RunningBerth } from '#test/support/berth.ts';
import { digestOf } from '#test/support/manifests.ts';
import { type Answer, Connection } from './connection.ts';
import { type Fate, type Held, type Ledger, partsOf, type Thing } from './ledger.ts';

interface Named {
  readonly digest: string;
  readonly size: number;
}

interface ManifestJson {
  readonly config?: Named;
  readonly layers?: readonly Named[];
  readonly manifests?: readonly Named[];
}

/** Requests of a look that are under way at once. */
const workers = 8;

/** Looks at things, the images that are whole behind them, and every list. @returns what became of requests in flight */
export async function audit(
  berth: RunningBerth,
  ledger: Ledger,
  things: readonly Thing[],
  referrers: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
): Promise<Fate[]> {
  const look = new Look(berth);
  try {
    const found = await look.all(things);
    const fates = ledger.fates(found);
    ledger.see(found);
    await checkLists(look, ledger, referrers);
    return fates;
  } finally {
    look.close();
  }
}

class Look {
  readonly #connection: Connection;
  /** Nothing is asked for twice. */
  readonly #seen = new Map<string, Promise<Answer | undefined>>();
  readonly #images = new Map<string, Promise<void>>();

  constructor(berth: RunningBerth) {
    this.#connection = new Connection(berth);
  }

  close(): void {
    this.#connection.close();
  }

  async all(things: readonly Thing[]): Promise<Map<Thing, Held>> {
    const found = new Map<Thing, Held>();
    const left = [...things];
    const work = async () => {
      for (let thing = left.pop(); thing !== undefined; thing = left.pop()) {
        found.set(thing, await this.#held(thing));
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    return found;
  }

  async json(path: string, statuses: readonly number[] = [200]): Promise<unknown> {
    const { status, body } = await this.#connection.send({ method: 'GET', path });
    assert.ok(statuses.includes(status), told(path, status, body));
    return status === 200 ? JSON.parse(String(body)) : undefined;
  }

  async #held(thing: Thing): Promise<Held> {
    const { kind, repository, name } = partsOf(thing);
    if (kind === 'blob') {
      return (await this.#content(`/v2/${repository}/blobs/${name}`)) && name;
    }
    const manifest = await this.#content(`/v2/${repository}/manifests/${name}`);
    if (manifest === undefined) return undefined;
    const digest = digestOf(manifest.body);
    await this.#image(repository, digest);
    return digest;
  }

  /** What a path holds: whole, under its own digest, and the same for HEAD. `undefined` where it is not there. */
  #content(path: string): Promise<Answer | undefined> {
    const known = this.#seen.get(path) ?? this.#fetch(path);
    this.#seen.set(path, known);
    return known;
  }

  async #fetch(path: string): Promise<Answer | undefined> {
    const got = await this.#connection.send({ method: 'GET', path });
    const head = await this.#connection.send({ method: 'HEAD', path });
    assert.equal(head.status, got.status, `HEAD of ${path}`);
    if (got.status === 404) return undefined;
    assert.equal(got.status, 200, told(path, got.status, got.body));
    const digest = digestOf(got.body);
    assert.equal(got.headers['docker-content-digest'], digest, path);
    assert.equal(head.headers['docker-content-digest'], digest, `HEAD of ${path}`);
    assert.equal(got.headers['content-length'], String(got.body.length), path);
    assert.equal(head.headers['content-length'], String(got.body.length), `HEAD of ${path}`);
    const [reference = ''] = path.split('/').slice(-1);
    if (reference.includes(':')) assert.equal(digest, reference, path);
    // Blobs are many and large, and nobody asks for their bytes again.
    return path.includes('/blobs/') ? { ...got, body: Buffer.alloc(0) } : got;
  }

  /** Pulls all that a manifest names. */
  #image(repository: string, digest: string): Promise<void> {
    const key = `${repository} ${digest}`;
    const known = this.#images.get(key) ?? this.#pull(repository, digest);
    this.#images.set(key, known);
    return known;
  }

  async #pull(repository: string, digest: string): Promise<void> {
    const manifest = await this.#content(`/v2/${repository}/manifests/${digest}`);
    assert.ok(manifest !== undefined, `${repository} lacks the manifest ${digest}`);
    const { config, layers = [], manifests = [] }: ManifestJson = JSON.parse(String(manifest.body));
    for (const blob of config === undefined ? layers : [config, ...layers]) {
      const pulled = await this.#content(`/v2/${repository}/blobs/${blob.digest}`);
      assert.equal(
        pulled?.headers['content-length'],
        String(blob.size),
        `the blob ${blob.digest}, which ${digest} of ${repository} names`,
      );
    }
    for (const child of manifests) await this.#image(repository, child.digest);
  }
}

function told(path: string, status: number, body: Buffer): string {
  return `GET ${path} was answered ${status}: ${body.subarray(0, 500)}`;
}

/** Every list says what was found by name. */
async function checkLists(
  look: Look,
  ledger: Ledger,
  referrers: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  const there = ledger.things().filter((thing) => ledger.certain(thing) !== undefined);
  const tags = namesOf(there, 'tag');
  const manifests = namesOf(there, 'manifest');
  const known = new Set(ledger.things().map((thing) => partsOf(thing).repository));
  for (const repository of known) {
    const listed = await look.json(`/v2/${repository}/tags/list`, [200, 404]);
    const wanted = tags.get(repository) ?? [];
    const shown = (listed as { tags: string[] } | undefined)?.tags ?? [];
    assert.deepEqual(shown, wanted.toSorted(), `the tags of ${repository}`);
  }
  const { repositories } = (await look.json('/v2/_catalog')) as { repositories: string[] };
  assert.deepEqual(new Set(repositories), new Set(manifests.keys()), 'the catalog');
  for (const [of, all] of referrers) {
    const [repository = '', subject = ''] = of.split(' ');
    const index = await look.json(`/v2/${repository}/referrers/${subject}`);
    const shown = (index as { manifests: Named[] }).manifests.map(({ digest }) => digest);
    const wanted = [...all].filter((digest) => manifests.get(repository)?.includes(digest));
    assert.deepEqual(new Set(shown), new Set(wanted), `the referrers of ${of}`);
  }
}

function namesOf(things: readonly Thing[], wanted: string): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const thing of things) {
    const { kind, repository, name } = partsOf(thing);
    if (kind === wanted) names.set(repository, [...(names.get(repository) ?? []), name]);
  }
  return names;
}
