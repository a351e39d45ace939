// A subscription to a topic of Pub/Sub that lasts as long as a command, by Pub/Sub's REST API. What a command that was
// killed leaves behind, Pub/Sub removes a day later.

import { randomUUID } from 'node:crypto';
import { type Environment, variable } from './environment.ts';
import { exitCodes, Failure, wrongUsage } from './failure.ts';
import { askGcloud } from './gcloud.ts';
import { findGoogleToken } from './google-credentials.ts';
import { answerOfGoogle, pubsubScope, pubsubUrl, refusal } from './google-hosts.ts';
import { type Answer, type Asked, ask } from './http.ts';
import { asList, asRecord, asText, parseJson } from './json-values.ts';
import { shown } from './printable.ts';

/** Longer than Pub/Sub keeps a pull waiting that finds nothing. */
const pullMs = 120_000;
/** Longer than a line takes to be printed; what is not acknowledged by then comes again. */
const acknowledgeSeconds = 60;
/** What comes of one pull: Pub/Sub's own limit is 10 MB, in base64. */
const pulledBytesMax = 16 * 1024 * 1024;
const pulledMessagesMax = 100;

export interface TopicSubscription {
  /** Waits for messages; there may be none. @throws Failure when Pub/Sub refuses, or it was broken off */
  pull(signal: AbortSignal): Promise<readonly PulledMessage[]>;
  acknowledge(messages: readonly PulledMessage[]): Promise<void>;
  /** Removes it. */
  close(): Promise<void>;
}

export interface PulledMessage {
  readonly acknowledgeId: string;
  /** As Pub/Sub has it: `data`, `attributes`, `publishTime`. */
  readonly message: unknown;
}

/** @param topic `projects/PROJECT/topics/NAME` @throws Failure when it is not there, or may not be subscribed to */
export async function subscribe(
  environment: Environment,
  topic: string,
): Promise<TopicSubscription> {
  const [, project] =
    /^projects\/([a-z0-9.:-]{1,100})\/topics\/[\w.~+%-]{1,255}$/i.exec(topic) ?? [];
  if (project === undefined) {
    throw wrongUsage(`${shown(topic, 100)} is no topic: write projects/PROJECT/topics/NAME`);
  }
  const call = callerOf(environment);
  const name = `projects/${project}/subscriptions/berth-tail-${randomUUID()}`;
  await call(name, {
    method: 'PUT',
    body: {
      topic,
      ackDeadlineSeconds: acknowledgeSeconds,
      enableMessageOrdering: true,
      messageRetentionDuration: '600s',
      expirationPolicy: { ttl: '86400s' },
    },
  });
  return {
    pull: async (signal) => {
      const { receivedMessages } = await call(`${name}:pull`, {
        body: { maxMessages: pulledMessagesMax },
        bytesMax: pulledBytesMax,
        timeoutMs: pullMs,
        signal,
      });
      return asList(receivedMessages).flatMap((received) => {
        const { ackId, message } = asRecord(received);
        const acknowledgeId = asText(ackId);
        return acknowledgeId === undefined ? [] : [{ acknowledgeId, message }];
      });
    },
    acknowledge: async (messages) => {
      const ackIds = messages.map(({ acknowledgeId }) => acknowledgeId);
      if (ackIds.length > 0) await call(`${name}:acknowledge`, { body: { ackIds } });
    },
    close: async () => {
      await call(name, { method: 'DELETE' });
    },
  };
}

type Call = (
  path: string,
  asked: Omit<Asked, 'headers' | 'body'> & { readonly body?: object },
) => Promise<Readonly<Record<string, unknown>>>;

/** Who calls Pub/Sub, or its emulator, which wants no credentials and gets none. */
function callerOf(environment: Environment): Call {
  const emulator = emulatorOrigin(environment);
  let token: string | undefined;
  const send = async (path: string, asked: Asked): Promise<Answer> => {
    if (emulator !== undefined) return ask(new URL(`/v1/${path}`, emulator), asked);
    token ??= await needToken(environment);
    const headers = { ...asked.headers, Authorization: `Bearer ${token}` };
    return answerOfGoogle(environment, `${pubsubUrl}${path}`, { ...asked, headers });
  };
  return async (path, { body, ...asked }) => {
    const sent: Asked = {
      method: 'POST',
      ...asked,
      headers: { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    let answer = await send(path, sent);
    if (answer.status === 401) {
      // It lasts for an hour, and the command may last for longer.
      token = undefined;
      answer = await send(path, sent);
    }
    if (answer.status === 200) return asRecord(parseJson(answer.text));
    throw new Failure(`Pub/Sub refused: ${refusal(answer)}`, exitCodeOf(answer.status));
  };
}

function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return exitCodes.noRight;
  return status === 404 ? exitCodes.notThere : exitCodes.failed;
}

function emulatorOrigin(environment: Environment): string | undefined {
  const host = variable(environment, 'PUBSUB_EMULATOR_HOST');
  if (host === undefined) return undefined;
  const origin = `http://${host.replace(/^http:\/\//, '')}`;
  if (!URL.canParse(origin)) throw new Failure('PUBSUB_EMULATOR_HOST is no host');
  return origin;
}

async function needToken(environment: Environment): Promise<string> {
  const token = (await findGoogleToken(environment, [pubsubScope])) ?? (await askGcloud());
  if (token !== undefined) return token;
  throw new Failure(
    'no Google credentials: gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS',
    exitCodes.noRight,
  );
}
