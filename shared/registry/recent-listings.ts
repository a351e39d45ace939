// What gcr.io's lists tell of a repository's manifests, kept as it is sent where the store tells that nothing in it has
// changed: a repository with ten thousand images is listed far more often than it gets another one.

import { recentListingBytesMax } from '../oci/limits.ts';
import type { Documents } from '../ports/documents.ts';
import { type Repository, summariesOf, tagsOf } from './layout.ts';

/** A repository's manifests and tags. */
export interface ListedManifests {
  /** The object `manifest` of the answer, as JSON. */
  readonly json: Uint8Array;
  /** How many it holds. */
  readonly count: number;
  /** All tags, in ASCII order. */
  readonly tags: readonly string[];
}

/** What stands for the lists that it is made of. */
interface Stamps {
  readonly tags: object;
  readonly summaries: object;
}

/** An entry's own bytes, and those of a tag, beside the JSON and the answer that it stands in. */
const entryBytes = 1024;
const tagBytes = 160;

/** An answer, and what else but the manifests it was made of. */
interface KeptAnswer {
  readonly madeOf: string;
  readonly body: Uint8Array;
}

export class RecentListings {
  /** The one that was used last stands last. */
  readonly #kept = new Map<string, { readonly stamps: Stamps; readonly listed: ListedManifests }>();
  readonly #answers = new WeakMap<ListedManifests, KeptAnswer>();
  #bytes = 0;

  /**
   * What was made of a repository's lists, or what `make` makes of them now. Where the store has no stamps, that always.
   * @param make answers `undefined` where there is too much, which is not kept
   */
  async get(
    documents: Documents,
    repository: Repository,
    make: () => Promise<ListedManifests | undefined>,
  ): Promise<ListedManifests | undefined> {
    // Before anything is read: what is written meanwhile makes others.
    const tags = documents.stamp?.(tagsOf(repository));
    const summaries = documents.stamp?.(summariesOf(repository));
    if (tags === undefined || summaries === undefined) return make();
    const key = `${repository.location}\0${repository.name}`;
    const kept = this.#kept.get(key);
    if (kept?.stamps.tags === tags && kept.stamps.summaries === summaries) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept.listed;
    }
    const listed = await make();
    this.#drop(key);
    if (listed !== undefined && bytesOf(listed) <= recentListingBytesMax) {
      this.#kept.set(key, { stamps: { tags, summaries }, listed });
      this.#bytes += bytesOf(listed);
    }
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= recentListingBytesMax) break;
      this.#drop(oldest);
    }
    return listed;
  }

  /**
   * The last answer that was made of these manifests, or another one: most who list a repository ask for the same.
   * @param madeOf what else it is made of
   */
  answer(listed: ListedManifests, madeOf: string, make: () => Uint8Array): Uint8Array {
    const kept = this.#answers.get(listed);
    if (kept?.madeOf === madeOf) return kept.body;
    const body = make();
    this.#answers.set(listed, { madeOf, body });
    return body;
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#bytes -= bytesOf(kept.listed);
    this.#kept.delete(key);
  }
}

function bytesOf({ json, tags }: ListedManifests): number {
  return entryBytes + 2 * json.length + tags.length * tagBytes;
}
