// Every action of the route table, by its name there.

import type { Action, RepositoryAction } from './action.ts';
import { deleteBlob } from './blobs/delete.ts';
import { getBlob } from './blobs/get.ts';
import { catalog } from './discovery/catalog.ts';
import { referrers } from './discovery/referrers.ts';
import { support } from './discovery/support.ts';
import { tags } from './discovery/tags.ts';
import { deleteManifestOrTag } from './manifests/delete.ts';
import { getManifest } from './manifests/get.ts';
import { putManifest } from './manifests/put.ts';
import { health } from './operator/health.ts';
import { metrics } from './operator/metrics.ts';
import { ready } from './operator/ready.ts';
import type { ActionName } from './routes.ts';
import { issueToken } from './token/issue.ts';
import { appendUpload } from './uploads/append.ts';
import { cancel } from './uploads/cancel.ts';
import { finish } from './uploads/finish.ts';
import { startUpload } from './uploads/start.ts';
import { status } from './uploads/status.ts';

/** Actions of routes that name no repository. */
export const plainActions: Partial<Record<ActionName, Action>> = {
  'token/issue': issueToken,
  'discovery/support': support,
  'discovery/catalog': catalog,
  'operator/health': health,
  'operator/ready': ready,
  'operator/metrics': metrics,
};

/** Actions of routes that do. */
export const repositoryActions: Partial<Record<ActionName, RepositoryAction>> = {
  'discovery/tags': tags,
  'discovery/referrers': referrers,
  'manifests/get': getManifest,
  'manifests/put': putManifest,
  'manifests/delete': deleteManifestOrTag,
  'uploads/start': startUpload,
  'uploads/append': appendUpload,
  'uploads/finish': finish,
  'uploads/status': status,
  'uploads/cancel': cancel,
  'blobs/get': getBlob,
  'blobs/delete': deleteBlob,
};
