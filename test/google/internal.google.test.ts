// The functions that no client reaches, as they are deployed: woken by a trigger's CloudEvent, and by a schedule.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetName } from '#functions/targets.ts';
import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import { pathOf } from '#shared/google/firestore-keys.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName, parseTag } from '#shared/oci/reference.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { freePort } from '#test/support/free-port.ts';
import { startGoogle } from '#test/support/google.ts';
import { Inbox } from '#test/support/inbox.ts';
import { openTopic } from '#test/support/topic.ts';

const google = await startGoogle();
const root = join(import.meta.dirname, '../..');
const program = join(root, 'node_modules/.bin/functions-framework');

describe('what no client reaches', { skip: google.skip }, () => {
  const inbox = new Inbox();
  let topic: Awaited<ReturnType<typeof openTopic>>;
  let documents: ReturnType<typeof openFirestoreDocuments>;
  const children: ChildProcess[] = [];

  before(async () => {
    topic = await openTopic([inbox]);
    documents = openFirestoreDocuments({ projectId: topic.projectId, clock: systemClock });
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await documents?.close();
    await topic?.close();
    if (google.skip === false) await google.close();
  });

  /** Starts a function by the framework's own command line. @returns its address */
  async function start(target: TargetName): Promise<string> {
    assert.ok(google.skip === false);
    const port = await freePort('127.0.0.1');
    const child = spawn(process.execPath, [program, `--target=${target}`, `--source=${root}`], {
      env: {
        ...process.env,
        ...google.environment(target),
        GOOGLE_CLOUD_PROJECT: topic.projectId,
        NODE_ENV: 'production',
        PORT: String(port),
      },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    endsWithTests(child, 'SIGKILL');
    children.push(child);
    const url = `http://127.0.0.1:${port}`;
    while (child.exitCode === null) {
      const answer = await fetch(url, { method: 'PUT' }).catch(() => undefined);
      if (answer?.status === 405) return url;
      await sleep(50);
    }
    throw new Error(`${target} does not start`);
  }

  const push = (tag: string) => {
    const name = parseRepositoryName('internal/app') ?? assert.fail();
    const { ociIndex: contentType } = mediaTypes;
    const index = { schemaVersion: 2, mediaType: contentType, manifests: [], annotations: { tag } };
    return pushManifest(
      // No blob is stored: an index that names nothing needs none.
      { documents, clock: systemClock, blobs: {} as never },
      repositoryAt('local', name),
      {
        reference: { kind: 'tag', tag: parseTag(tag) ?? assert.fail() },
        tags: [],
        bytes: Buffer.from(JSON.stringify(index)),
        contentType,
        by: 'test',
        host: 'registry.example',
      },
    );
  };

  const pending = () => documents.list({ prefix: ['local', '-', 'outbox'], limit: 10 });

  it('a trigger’s event, whose payload is protobuf, wakes the relay of its repository', async () => {
    const url = await start('events');
    await push('v1');
    const [entry] = await pending();
    const { collection, id } = pathOf(entry?.key ?? assert.fail());
    const { status } = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/protobuf',
        'ce-specversion': '1.0',
        'ce-id': 'b6a5b9a1',
        'ce-source': `//firestore.googleapis.com/projects/${topic.projectId}/databases/(default)`,
        'ce-type': 'google.cloud.firestore.document.v1.created',
        'ce-subject': `documents/${collection}/${id}`,
        'ce-document': `${collection}/${id}`,
      },
      // Any bytes: nobody looks at them.
      body: Uint8Array.of(0x0a, 0xff, 0x00, 0x80),
    });
    assert.equal(status, 204);
    assert.deepEqual(await pending(), []);
    await inbox.until(({ deliveries }) => deliveries.length === 1);
    const [told = ''] = inbox.firsts();
    assert.match(told, /^\{"action":"INSERT","digest":"registry\.example\/internal\/app@sha256:/);

    await push('v2');
    // The platform's own credentials, which are none of ours.
    const authorization = 'Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl';
    const swept = await fetch(`${url}/sweep`, { method: 'POST', headers: { authorization } });
    assert.equal(swept.status, 200);
    assert.deepEqual(await swept.json(), {
      local: { repositories: 1, published: 1, more: false, oldestPendingSeconds: 0, failed: 0 },
    });
    await inbox.until(({ deliveries }) => deliveries.length === 2);
  });

  it('a schedule has the collector look at what is due', async () => {
    const url = await start('collector');
    const answer = await fetch(url, { method: 'POST' });
    assert.equal(answer.status, 200);
    const done = { reviewed: 0, blobs: 0, bytes: 0, lagSeconds: 0, failed: 0 };
    assert.deepEqual(await answer.json(), { local: done, mirrors: done });
  });
});
