// Manifests that this instance has read lately. A manifest never changes under its digest, so what is kept is never
// stale; but it may have been deleted meanwhile, so whoever finds one here has just read a tag that points at it: a
// tag goes in the transaction in which its manifest does.

import type { Digest } from '../oci/digest.ts';
import { manifestInlineBytesMax, recentManifestBytesMax } from '../oci/limits.ts';
import type { Repository } from './layout.ts';

export interface FoundManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

export interface ReadManifest extends FoundManifest {
  readonly bytes: Uint8Array;
}

/** One whose bytes were read, or not yet: HEAD needs none. */
export type RecentManifest = ReadManifest | (FoundManifest & { readonly bytes?: undefined });

/** One without its bytes counts as so many. */
const factsBytes = 1024;

export class RecentManifests {
  /** The one that was used last stands last. */
  readonly #kept = new Map<string, RecentManifest>();
  #bytes = 0;

  find(repository: Repository, digest: Digest): RecentManifest | undefined {
    const key = keyOf(repository, digest);
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found;
  }

  /** Keeps a manifest whose bytes, if any, were verified, and drops those longest unused where there is no room. */
  keep(repository: Repository, manifest: RecentManifest): void {
    if (manifest.size > manifestInlineBytesMax) return;
    const key = keyOf(repository, manifest.digest);
    if (manifest.bytes === undefined && this.#kept.get(key)?.bytes !== undefined) return;
    this.#drop(key);
    this.#kept.set(key, manifest);
    this.#bytes += bytesOf(manifest);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= recentManifestBytesMax) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#bytes -= bytesOf(kept);
    this.#kept.delete(key);
  }
}

function bytesOf({ size, bytes }: RecentManifest): number {
  return bytes === undefined ? factsBytes : size;
}

function keyOf({ location, name }: Repository, digest: Digest): string {
  return `${location}\0${name}\0${digest}`;
}
