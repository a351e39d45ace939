// How gcr.io deletes: a manifest that is tagged, or that another one names, stays. A project can choose it, and who cleans
// up with gcr-cleaner relies on it: it deletes what has no tag, children of indexes among it.

import type { Digest } from '../oci/digest.ts';
import { type ErrorCode, RegistryError } from '../oci/errors.ts';
import { danglingErrorsMax } from '../oci/limits.ts';
import type { Transaction } from '../ports/documents.ts';
import { manifestTagsOf, parentsOf, type Repository, referrersOf } from './layout.ts';

/**
 * Lets a manifest be deleted that nothing names. The messages are gcr.io's, whose last words tools read.
 * @throws RegistryError with one of gcr.io's codes, an error each for up to `danglingErrorsMax` tags, indexes or referrers
 */
export async function requireUnnamed(
  transaction: Transaction,
  repository: Repository,
  digest: Digest,
): Promise<void> {
  const limit = danglingErrorsMax;
  const [tags, parents, referrers] = await Promise.all(
    [manifestTagsOf, parentsOf, referrersOf].map(async (of) => {
      const found = await transaction.list({ prefix: of(repository, digest), limit });
      return found.map(({ key }) => key.at(-1) ?? '');
    }),
  );
  refuse('GOOGLE_MANIFEST_DANGLING_TAG', tags, (tag) => ({
    message: `Manifest is still referenced by tag: ${tag}`,
    detail: { digest, tag },
  }));
  refuse('GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE', parents, (parent) => ({
    message: `Manifest ${digest} is referenced by image ${parent}`,
    detail: { digest, parent },
  }));
  refuse('GOOGLE_MANIFEST_REFERRING_MANIFEST', referrers, (referrer) => ({
    message: `Manifest ${digest} is referred to by manifest ${referrer}`,
    detail: { digest, referrer },
  }));
}

/** @throws RegistryError where there are any */
function refuse(
  code: ErrorCode,
  names: readonly string[] = [],
  describe: (name: string) => { readonly message: string; readonly detail: object },
): void {
  const each = names.map(describe);
  const [first] = each;
  if (first !== undefined) throw new RegistryError(code, { ...first, each });
}
