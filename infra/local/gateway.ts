// The laptop's load balancer: one HTTP server before all functions.

import { loadActions } from '#functions/actions.ts';
import { observeRefused } from '#functions/observe.ts';
import { serve } from '#functions/serve.ts';
import type { Services } from '#functions/services.ts';
import { type RunningServer, startServer } from '#shared/http/server.ts';

/** How long requests in flight may go on once the gateway is told to stop. */
const stopMs = 60 * 1000;

/** @throws Error that names the port when it is taken */
export async function startGateway(
  services: Services,
  { host, port }: { host: string; port: number },
): Promise<RunningServer> {
  await loadActions();
  const refused = observeRefused(services.observe);
  return startServer(serve(services), { host, port, http2: false, stopMs, refused });
}
