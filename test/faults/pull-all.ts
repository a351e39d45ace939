// Pulls all that the book says is there, over HTTP, as a client does.

import type { Store } from '#shared/registry/store.ts';
import { Violation } from '#test/model/schedule.ts';
import { images, nicknameOf, repositoryNames } from '#test/model/universe.ts';
import type { Answer } from '#test/support/calls.ts';
import type { Book } from './book.ts';
import type { Door } from './door.ts';
import { checkForm, tell } from './form.ts';
import { checkDigest, followed } from './others.ts';

/** @throws Violation when something is not there, or is something else */
export async function pullAll(
  door: Door,
  store: Store,
  location: string,
  shown: Book['shown'],
): Promise<void> {
  const pull = async (path: string): Promise<Answer> => {
    const exchange = await door.send(store, location, { method: 'GET', path });
    checkForm(exchange, []);
    const { answer } = exchange;
    if (answer?.status === 200 || answer?.status === 307) return answer;
    throw new Violation(`it should be there when all is over: ${tell(exchange)}`);
  };
  for (const [key, digest] of shown) {
    const [kind, name, reference] = key.split(' ');
    const manifest = await pull(`/v2/${name}/manifests/${reference}`);
    checkDigest(manifest, digest);
    if (kind === 'tag') continue;
    const image = Object.values(images).find((one) => one.digest === digest);
    if (image === undefined) throw new Violation(`${nicknameOf(digest)} was never pushed`);
    for (const blob of image.blobs) {
      const pulled = await pull(`/v2/${name}/blobs/${blob.digest}`);
      checkDigest(await followed(pulled), blob.digest);
    }
  }
  await checkLists(pull, shown);
}

async function checkLists(
  pull: (path: string) => Promise<Answer>,
  shown: Book['shown'],
): Promise<void> {
  const keys = [...shown.keys()].map((key) => key.split(' '));
  const holders = repositoryNames.filter((name) => keys.some(([, holder]) => holder === name));
  const catalog = JSON.parse(String((await pull('/v2/_catalog')).body));
  compare('the catalog', catalog.repositories, holders);
  for (const name of holders) {
    const tags = keys.filter(([kind, holder]) => kind === 'tag' && holder === name);
    const listed = JSON.parse(String((await pull(`/v2/${name}/tags/list`)).body));
    compare(
      `the tags of ${name}`,
      listed.tags,
      tags.map(([, , tag]) => tag ?? ''),
    );
  }
}

function compare(what: string, found: readonly string[], wanted: readonly string[]): void {
  if (found.join() === wanted.toSorted().join()) return;
  throw new Violation(`${what} are [${found}], and should be [${wanted}]`);
}
