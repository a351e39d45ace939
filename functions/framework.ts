// functions-framework as the host of a plain function. It reads the body of a request before we are asked, unless
// the request has no Content-Type: parseRequest takes both.

import { http } from '@google-cloud/functions-framework';
import type { Handler } from '#shared/http/message.ts';
import { loadActions } from './actions.ts';
import { serve } from './serve.ts';
import type { OpenServices } from './services.ts';
import { type TargetName, targetOn, targets } from './targets.ts';

/** The target that the framework was told to run, by its command line or its environment. */
export function frameworkTarget(
  environment: Readonly<Record<string, string | undefined>>,
  parameters: readonly string[],
): string {
  const at = parameters.findIndex((parameter) => /^--target(=|$)/.test(parameter));
  const [flag = '', next = ''] = at === -1 ? [] : parameters.slice(at, at + 2);
  if (at === -1) return environment['FUNCTION_TARGET'] ?? '';
  return flag.includes('=') ? flag.slice(flag.indexOf('=') + 1) : next;
}

/**
 * Registers the function of that name, and loads its code and opens its services at once; requests wait for them.
 * A function whose services do not open ends the process.
 * @throws Error that names the target when the framework is no host for it
 */
export function registerFunction(target: string, openServices: OpenServices): void {
  const handler = start(targetOn('framework', target), openServices);
  handler.catch((error: unknown) => {
    process.stderr.write(`berth: ${target} does not start: ${String(error)}\n`);
    process.exit(1);
  });
  http(target, async (request, response) => (await handler)(request, response));
}

async function start(target: TargetName, openServices: OpenServices): Promise<Handler> {
  // The other functions' code is loaded if a request for it comes.
  const [services] = await Promise.all([openServices(target), loadActions([target])]);
  return serve(services, { functions: targets[target].serves });
}
