// Guessing passwords, made slow: logins that fail make the next ones wait.
//
//   counted under                free*   then waits of 1, 2, 4 … seconds, at most
//   a name from a network        5       5 min
//   a network under any name     20      30 s     others may be behind the same address
//   `admin` from anywhere        100     5 s      the one password that may be guessed; but nobody must lock out its owner
//   * where BERTH_FREE_FAILURES is 5; the others are multiples of it
//
// A network is an IPv4 address, or the /64 of an IPv6 address (networkOf). A login without a name counts for its network
// alone, and there apart from those with one: what is shown then is a token, which is not guessed but expires, and the nodes
// of a cluster come with new ones each hour from the address that a robot comes from whose secret is gone. Who shows what
// was right in this instance in the last day is past all of this, so the failures of others do not stop a client that was
// here before; and nobody learns by it that a name exists, since it takes the password to see it. Whether a name exists
// is asked of nothing here.
//
// An instance counts by itself, and neither reads nor writes until a key has had its free failures. Then their count and
// the end of the wait are shared in the store. It is written once a wait, by the first that fails after the last wait, and
// read once a wait by each instance that would let somebody try; who is refused costs neither. So who is spread over n
// instances has n times what is free, since none of them asks before, and after each wait may try once in each instance
// that he reaches before the first of these failures is written. With a hundred instances a name is guessed some ten
// thousand times at first, and then at most twenty times a second, from thousands of networks: nothing for what is random,
// and for what somebody chose each guess costs us a hash by scrypt, of which an instance computes few at once.

import { createHash } from 'node:crypto';
import { networkOf } from '../http/address.ts';
import { goodLoginSeconds, goodLoginsMax } from '../oci/limits.ts';
import { FailureCounters, type FailureKind, type FailureServices } from './failure-counter.ts';
import { RightSecrets } from './right-secrets.ts';

export interface Login {
  /** Of the client, as `HttpRequest.address` tells it. */
  readonly address: string;
  /** Empty where a token is shown, which has no name before it is verified. */
  readonly username: string;
  readonly password: string;
}

export interface FailedLogins {
  /**
   * Checks credentials, unless too many were wrong before. While they are being checked they count as wrong: of many that
   * come at once some wait for what becomes of the others.
   * @param verify whom they show; `undefined` when they are wrong. What it throws counts as nothing
   * @throws RegistryError TOOMANYREQUESTS with `Retry-After` in whole seconds, before `verify` is called
   */
  check<T>(login: Login, verify: () => Promise<T | undefined>): Promise<T | undefined>;
}

/**
 * @param services.documents asked only after more failures than are free; where they fail, each instance counts alone
 * @param services.freeFailures of a name from a network; 0 lets everybody guess as he likes
 */
export function openFailedLogins(services: FailureServices): FailedLogins {
  if (services.freeFailures === 0) return { check: (_, verify) => verify() };
  const counters = new FailureCounters(services);
  const good = new RightSecrets(services.clock, { seconds: goodLoginSeconds, max: goodLoginsMax });
  return {
    check: async (login, verify) => {
      const ids = idsOf(login);
      const id = good.idOf(login.username, login.password);
      const isKnown = good.has(id);
      const held = isKnown ? [] : await counters.admit(ids);
      let found: Awaited<ReturnType<typeof verify>>;
      try {
        found = await verify();
      } finally {
        for (const counter of held) counter.release();
      }
      if (found !== undefined) {
        good.add(id);
        counters.forget('pair', ids.pair);
        return found;
      }
      good.remove(id);
      // Counted before anything else gets its turn.
      await counters.fail(ids);
      return undefined;
    },
  };
}

/** The keys that a login counts under. They go into the store, where no name is to be read. */
function idsOf({ address, username }: Login): Partial<Record<FailureKind, string>> {
  const network = networkOf(address);
  const id = (kind: FailureKind, ...parts: string[]) =>
    createHash('sha256')
      .update(JSON.stringify([kind, ...parts]))
      .digest('hex');
  if (username === '') return { network: id('network', network, 'token') };
  return {
    pair: id('pair', network, username),
    network: id('network', network),
    // Whoever else there is has a random secret. Counting that from anywhere would keep out its owner, and no guess.
    ...(username === 'admin' && { name: id('name', username) }),
  };
}
