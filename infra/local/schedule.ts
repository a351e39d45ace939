// What Eventarc and Cloud Scheduler do in the cloud: the relay is woken after changes and once in a while, the
// collector once an hour.

import { request } from 'node:http';
import type { Incoming } from '#shared/http/message.ts';
import type { Log } from '#shared/log.ts';

/** How often the outbox is swept, changes or not: what a change that was not seen left is found then. */
const sweepEveryMs = 5000;
/** Changes that come together are told together. */
const sweepAfterChangeMs = 100;
const collectEveryMs = 60 * 60 * 1000;

export interface Schedule {
  /** Is told of every request that was answered: after a change the outbox is swept soon. */
  answered(message: Incoming, status: number): void;
  stop(): void;
}

export function startSchedule(
  portOf: (functionName: string) => number | undefined,
  log: Log,
): Schedule {
  const call = async (name: string, path: string) => {
    try {
      await post(portOf(name), path);
    } catch (error) {
      log('WARNING', 'a scheduled call failed', { function: name, error: String(error) });
    }
  };
  let soon: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> | undefined;
  let isStopped = false;
  /** One sweep at a time: another would only wait for the leases of the first. */
  const sweep = () => {
    sweeping ??= call('events', '/sweep').finally(() => {
      sweeping = undefined;
    });
  };
  const sweepSoon = () => {
    if (isStopped) return;
    soon ??= setTimeout(() => {
      soon = undefined;
      // What changed while one was under way, that one may not have seen.
      if (sweeping === undefined) sweep();
      else sweepSoon();
    }, sweepAfterChangeMs).unref();
  };
  const timers = [
    setInterval(sweepSoon, sweepEveryMs).unref(),
    setInterval(() => call('collector', '/'), collectEveryMs).unref(),
  ];
  return {
    answered: ({ method = '', url = '' }, status) => {
      const changed = status < 300 && /^(PUT|DELETE)$/.test(method) && url.includes('/manifests/');
      if (changed) sweepSoon();
    },
    stop: () => {
      isStopped = true;
      for (const timer of timers) clearInterval(timer);
      clearTimeout(soon);
    },
  };
}

async function post(port: number | undefined, path: string): Promise<void> {
  if (port === undefined) throw new Error('it does not run');
  await new Promise<void>((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method: 'POST', path }, (answer) => {
      answer.resume().once('end', () => {
        const status = answer.statusCode ?? 0;
        if (status < 300) resolve();
        else reject(new Error(`it answered ${status}`));
      });
    });
    call.once('error', reject);
    call.end();
  });
}
