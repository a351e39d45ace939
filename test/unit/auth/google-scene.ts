// Google, with the accounts that the tests speak of, and who this registry is.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import {
  type GoogleIdentities,
  type GoogleIdentitiesOptions,
  openGoogleIdentities,
} from '#shared/auth/google/identities.ts';
import type { GooglePrincipal } from '#shared/auth/principal.ts';
import { type FakeClock, fakeClock } from '#test/support/clock.ts';
import type { ServiceAccount, User } from '#test/support/google-identity/accounts.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';

export const audiences = ['registry.example', 'https://registry.example'];

export const scopePrefix = 'https://www.googleapis.com/auth/';

export interface Scene {
  readonly clock: FakeClock;
  readonly google: GoogleIdentityServer;
  /** `ci@example.iam.gserviceaccount.com` */
  readonly ci: ServiceAccount;
  /** `other@example.iam.gserviceaccount.com` */
  readonly other: ServiceAccount;
  readonly ann: User;
  /** Whose email has capitals. */
  readonly bea: User;
  /** Whose email nobody verified. */
  readonly eve: User;
  /** What the log was told. */
  readonly lines: string[];
  open(options?: Partial<GoogleIdentitiesOptions>): GoogleIdentities;
}

/** Keys take a while to make, so one scene is for many tests. */
async function setScene(): Promise<Scene> {
  const clock = fakeClock(Date.UTC(2030, 0, 1));
  const google = await startGoogleIdentity({ clock });
  const [ci, other] = await Promise.all([
    google.addServiceAccount('ci'),
    google.addServiceAccount('other'),
  ]);
  const lines: string[] = [];
  return {
    clock,
    google,
    ci,
    other,
    ann: google.addUser('ann@example.com'),
    bea: google.addUser('Bea@Example.com'),
    eve: google.addUser('eve@example.com', { verified: false }),
    lines,
    open: (options) =>
      openGoogleIdentities({
        clock,
        endpoint: google.url,
        log: (...line) => lines.push(JSON.stringify(line)),
        ...options,
      }),
  };
}

export type Expected = Omit<GooglePrincipal, 'kind'> | 'refused';

export interface Row {
  /** Left out: a Bearer. */
  readonly username?: string;
  readonly secret: (scene: Scene) => string | Promise<string>;
  readonly expected: Expected | ((scene: Scene) => Expected);
  readonly options?: Partial<GoogleIdentitiesOptions>;
  /** Whether Google hears of it at all; looked at where it is said. */
  readonly asks?: boolean;
}

/** Sets a scene for the tests of one file. The scene is there when they run. */
export function sceneForTests(): () => Scene {
  let scene: Scene | undefined;
  before(async () => {
    scene = await setScene();
  });
  after(() => scene?.google.close());
  return () => scene ?? assert.fail('no scene yet');
}

/** Rows as tests: a sentence → what is shown and what comes of it. */
export function rows(theScene: () => Scene, table: Readonly<Record<string, Row>>): void {
  for (const [sentence, { username, secret, expected, options, asks }] of Object.entries(table)) {
    it(sentence, async () => {
      const scene = theScene();
      const shown = await secret(scene);
      scene.google.resetRequests();
      const credential = { secret: shown, audiences, ...(username !== undefined && { username }) };
      const identity = await scene.open(options).identify(credential);
      const wanted = typeof expected === 'function' ? expected(scene) : expected;
      if (wanted === 'refused') assert.equal(identity, undefined);
      else assert.deepEqual(identity?.principal, { kind: 'google', ...wanted });
      const { requests } = scene.google;
      if (asks !== undefined) assert.equal(requests.length > 0, asks);
      for (const { url } of requests) assert.ok(shown === '' || !url.includes(shown.slice(0, 12)));
    });
  }
}

/** Who `ann` is. */
export const ann = ({ ann: { email, id } }: Scene): Expected => ({ type: 'user', email, id });
/** Who the account `ci` is, its number aside. */
export const ci = { type: 'serviceAccount', email: 'ci@example.iam.gserviceaccount.com' } as const;
