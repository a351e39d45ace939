// POST / of the function `collector`, by a schedule: one run over what is due, of the registry and of its mirrors.

import { jsonReply } from '#shared/http/reply.ts';
import { collectMirrors } from '#shared/mirror/collect.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import type { Action } from '../action.ts';

/** Answers what was done; 500 where a review failed, so that the schedule tells of it. The failed stay for the next run. */
export const collect: Action = async ({ host }, services) => {
  const collected = await collectOnce(services, services.locationOf(host));
  const mirrored = await collectMirrors(services, services.mirrorKeepDays);
  const failures = [...collected.failures, ...mirrored.failures];
  for (const error of failures) services.log('ERROR', 'a review failed', { error: String(error) });
  const reply = jsonReply({
    reviewed: collected.reviewed + mirrored.reviewed,
    blobs: collected.blobs + mirrored.blobs,
    bytes: collected.bytes + mirrored.bytes,
    failed: failures.length,
  });
  return failures.length === 0 ? reply : { ...reply, status: 500 };
};
