// What Terraform makes in the cloud, made in the emulators, which begin empty.

import type { Environment } from '#shared/settings.ts';

/** Makes the topic that changes are published on, where the environment names an emulator of Pub/Sub. */
export async function prepareTopic(environment: Environment): Promise<void> {
  const { PUBSUB_EMULATOR_HOST: host, GOOGLE_CLOUD_PROJECT: project = '' } = environment;
  if (host === undefined) return;
  const topic = environment['BERTH_TOPIC'] ?? 'gcr';
  const answer = await fetch(`http://${host}/v1/projects/${project}/topics/${topic}`, {
    method: 'PUT',
    signal: AbortSignal.timeout(10_000),
  }).catch((cause: unknown) => {
    throw new Error(`the emulator of Pub/Sub does not answer at ${host}`, { cause });
  });
  await answer.body?.cancel();
  // 409: it is there already.
  if (answer.ok || answer.status === 409) return;
  throw new Error(`the emulator of Pub/Sub does not make a topic: it answered ${answer.status}`);
}
