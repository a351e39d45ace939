// `berth events`: what changes in registries, while it changes.

import type { Command } from 'commander';
import type { Environment } from '../environment.ts';
import { exitCodes, Failure, wrongUsage } from '../failure.ts';
import { findGoogleProject } from '../google-credentials.ts';
import { lineOf, readChange } from '../image-change.ts';
import { printableJsonLine } from '../printable.ts';
import { startPushEndpoint } from '../push-endpoint.ts';
import { RecentIds } from '../recent-ids.ts';
import {
  type CommonOptions,
  declareAlone,
  declareGroup,
  remark,
  type Session,
} from '../session.ts';
import { subscribe } from '../topic-subscription.ts';

interface Options extends CommonOptions {
  readonly topic?: string;
  readonly project?: string;
  /** `true` where no port was named. */
  readonly listen?: string | true;
  readonly number?: string;
}

const usualPort = 8088;

export function declareEvents(program: Command, session: Session): void {
  const events = declareGroup(program, 'events', 'shows what changes in registries');
  declareAlone(
    events,
    'tail',
    'prints a line for each image that is pushed or deleted, until Ctrl-C',
    `berth events tail                                    # topic gcr of your Google project
berth events tail --topic projects/my-project/topics/gcr --json
berth events tail --listen                           # of a registry on this machine, which pushes to it`,
  )
    .option(
      '--topic <name>',
      'projects/PROJECT/topics/NAME; by default the topic gcr of the project',
    )
    .option(
      '--project <id>',
      'by default $GOOGLE_CLOUD_PROJECT, or that of your Google credentials',
    )
    .option(
      '--listen [port]',
      `take pushes on this machine, at this port or ${usualPort}, and ask no topic`,
    )
    .option('-n, --number <changes>', 'end after so many')
    .action((options: Options) => tail(session, options));
}

async function tail({ environment }: Session, options: Options): Promise<void> {
  const { listen, topic, project, number } = options;
  if (listen !== undefined && (topic ?? project) !== undefined) {
    throw wrongUsage('either --listen, or a topic');
  }
  if (number !== undefined && !/^[1-9]\d{0,8}$/.test(number)) {
    throw wrongUsage('-n is how many changes: 1 or more');
  }
  const ended = new AbortController();
  const end = () => ended.abort();
  // The second time they do what they usually do.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  // Who read this has gone.
  process.stdout.on('error', end);
  const print = printerOf(options, number === undefined ? Infinity : Number(number), end);
  if (listen !== undefined) await tailPushes(portOf(listen), print, ended.signal);
  else
    await tailTopic(
      environment,
      topic ?? (await usualTopic(environment, project)),
      print,
      ended.signal,
    );
}

/**
 * What prints each change once, though its message may come twice.
 * @param most after so many, it ends
 * @returns `false` for what is no change
 */
function printerOf(
  { json }: CommonOptions,
  most: number,
  end: () => void,
): (message: unknown) => boolean {
  const seen = new RecentIds();
  let printed = 0;
  return (message) => {
    const change = readChange(message);
    if (change === undefined) return false;
    if (printed >= most || (change.eventId !== undefined && !seen.isNew(change.eventId)))
      return true;
    process.stdout.write(`${json === true ? printableJsonLine(change) : lineOf(change)}\n`);
    printed += 1;
    if (printed >= most) end();
    return true;
  };
}

async function tailPushes(
  port: number,
  print: (message: unknown) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const endpoint = await startPushEndpoint(port, print);
  remark(`listening; start the registry with BERTH_PUSH_ENDPOINTS=${endpoint.url}`);
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  await endpoint.close();
}

async function tailTopic(
  environment: Environment,
  topic: string,
  print: (message: unknown) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const subscription = await subscribe(environment, topic);
  remark(`subscribed to ${topic}`);
  try {
    while (!signal.aborted) {
      const messages = await subscription.pull(signal);
      let others = 0;
      for (const { message } of messages) if (!print(message)) others += 1;
      if (others > 0) remark(`${others} messages were no changes of images, and passed over`);
      await subscription.acknowledge(messages);
    }
  } catch (error) {
    // A pull that was broken off since it is over.
    if (!signal.aborted) throw error;
  } finally {
    await subscription.close();
  }
}

async function usualTopic(environment: Environment, named: string | undefined): Promise<string> {
  const project = named ?? (await findGoogleProject(environment));
  if (project !== undefined) return `projects/${project}/topics/gcr`;
  throw new Failure(
    'of which project? --project, --topic or GOOGLE_CLOUD_PROJECT',
    exitCodes.usage,
  );
}

function portOf(text: string | true): number {
  if (text === true) return usualPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw wrongUsage('--listen takes a port: 0 to 65535');
}
