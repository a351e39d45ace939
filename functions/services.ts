// The services an action may use. Who makes them decides where Berth runs: infra/local on one machine.

import type { IncomingHttpHeaders } from 'node:http';
import type { AccessServices } from '#shared/auth/access.ts';
import type { KeyStores } from '#shared/auth/rotation/key-stores.ts';
import type { TokenIssuer } from '#shared/auth/token.ts';
import type { Log } from '#shared/log.ts';
import type { Mirror } from '#shared/mirror/mirror.ts';
import type { Events } from '#shared/ports/events.ts';
import type { StateKey } from '#shared/registry/sessions.ts';
import type { Store } from '#shared/registry/store.ts';
import type { Locations } from './locations.ts';
import type { Observe } from './observe.ts';
import type { TargetName } from './targets.ts';

export interface Services extends Store, AccessServices, Locations {
  /** Signs tokens: only the function `token` uses it. */
  readonly issuer: TokenIssuer;
  /** What changes are published by: only the function `events` does. */
  readonly events?: { readonly publisher: Events; readonly topic: string };
  /** Answers for the hosts that are mirrors; absent where there are none. */
  readonly mirror?: Mirror | undefined;
  /** How many days mirrored content is kept that nobody pulls: only the collector uses it. */
  readonly mirrorKeepDays: number;
  /** Sign upload sessions: the first signs, all verify. */
  readonly stateKeys: readonly StateKey[];
  /** Where keys are kept: only the function `keys` has them. */
  readonly keyStores?: KeyStores;
  /** How many entries of X-Forwarded-For trusted proxies append: the leftmost of those is the client. */
  readonly proxies: number;
  readonly log: Log;
  /** What trace a request belongs to, as the log names it; absent where nothing traces. */
  readonly traceOf?: ((headers: IncomingHttpHeaders) => string | undefined) | undefined;
  /** Is told of every request when it is over. */
  readonly observe: Observe;
  /** Whether lists tell of manifests and of what lies below, as gcr.io's do. */
  readonly gcrListing: boolean;
  /** Figures in Prometheus' text format, or `undefined` where another system keeps them. */
  readonly metrics: (() => Promise<string>) | undefined;
}

/** Opens the services of a function, by its name. Fails where a setting or a store is not as it must be. */
export type OpenServices = (target: TargetName) => Promise<Services>;
