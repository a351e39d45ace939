// Refresh tokens over HTTP: who gets one, what it opens, and that it opens nothing once what it stands for is gone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addSecret,
  changeRobot,
  createRobot,
  deleteRobot,
  revokeSecret,
} from '#shared/auth/robots.ts';
import { itWhereClocksMove } from '#test/support/backend.ts';
import {
  type Answer,
  type Call,
  type Expectation,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { adminBasic, adminPassword } from '#test/support/registry.ts';

const registry = useRegistry();
const author = { by: 'user:admin' };
const scope = 'repository:team/app:pull,push';

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
const form = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString();
const formType = { 'Content-Type': 'application/x-www-form-urlencoded' };
const bodyOf = ({ body }: Answer) => JSON.parse(String(body));

const refused: Expectation = {
  status: 401,
  code: 'UNAUTHORIZED',
  message: /^the login is not good any more: log in again$/,
  headers: { 'WWW-Authenticate': /^Bearer realm="[^"]+\/v2\/token",service="[^"]+"$/ },
};

/** As docker logs in. */
function login(authorization: string | null, parameters = 'offline_token=true'): Call {
  return {
    method: 'GET',
    path: `/v2/token?account=x&client_id=docker&service={host}&${parameters}`,
    authorization,
    expect: { status: 200 },
    keep: { refresh: (answer) => bodyOf(answer).refresh_token },
  };
}

const withoutRefreshToken = (call: Call): Call => ({
  ...call,
  keep: {},
  expect: {
    status: 200,
    also: (answer) => {
      assert.ok(bodyOf(answer).token);
      assert.ok(!('refresh_token' in bodyOf(answer)));
    },
  },
});

/** As docker, podman and crane go on by what they kept. */
function refresh(
  fields: Readonly<Record<string, string>> = {},
  expect: Expectation = { status: 200 },
): Call {
  const client = { client_id: 'docker', grant_type: 'refresh_token', service: 'x', scope };
  const body = form({ ...client, ...fields });
  return {
    method: 'POST',
    path: '/v2/token',
    authorization: null,
    headers: formType,
    body: fields['refresh_token'] === undefined ? `${body}&refresh_token={refresh}` : body,
    expect,
    ...(expect.status === 200 ? { keep: { token: (answer: Answer) => bodyOf(answer).token } } : {}),
  };
}

function revoke(
  fields: Readonly<Record<string, string>> | undefined,
  expect: Expectation = { status: 200, json: {} },
): Call {
  return {
    method: 'POST',
    path: '/v2/token/revoke',
    authorization: null,
    headers: formType,
    body: fields === undefined ? 'token={refresh}' : form(fields),
    expect,
  };
}

const startUpload: Call = {
  method: 'POST',
  path: '/v2/team/app/blobs/uploads/',
  authorization: 'Bearer {token}',
  expect: { status: 202 },
};

let robots = 0;
/** A robot of its own for a test. */
async function newRobot(options: { role?: 'writer' | 'reader'; expiresAt?: number } = {}) {
  const robot = { project: 'team', name: `robot${robots++}` };
  const made = await createRobot(registry().services, { ...robot, role: 'writer', ...options });
  const { username, secret } = made;
  return { ...robot, id: secret.id, authorization: basic(username, secret.secret), ...made };
}

testCalls('a refresh token', registry, [
  {
    description: 'is given with a login that asks for it, and opens what its holder may do',
    calls: [login(adminBasic), refresh(), startUpload],
  },
  {
    description: 'is given by the OAuth2 form too',
    calls: [
      {
        ...refresh({}),
        body: form({
          grant_type: 'password',
          username: 'admin',
          password: adminPassword,
          access_type: 'offline',
          scope,
        }),
        keep: { refresh: (answer) => bodyOf(answer).refresh_token },
      },
      refresh(),
      startUpload,
    ],
  },
  {
    description: 'says what it is, so that scanners find it, and is never kept by who answers',
    calls: [
      {
        ...login(adminBasic),
        expect: {
          status: 200,
          headers: { 'Cache-Control': 'no-store' },
          also: (answer) =>
            assert.match(bodyOf(answer).refresh_token, /^berth_refresh_[A-Za-z0-9_-]{43}$/),
        },
      },
    ],
  },
  {
    description: 'is not given to who does not ask for it, nor to nobody',
    calls: [
      withoutRefreshToken(login(adminBasic, '')),
      withoutRefreshToken(login(adminBasic, 'offline_token=false')),
      withoutRefreshToken(login(null)),
    ],
  },
  {
    description: 'gives no other: the client goes on with the one that it has, as often as it will',
    calls: [
      login(adminBasic),
      withoutRefreshToken(refresh()),
      withoutRefreshToken(refresh({ access_type: 'offline', offline_token: 'true' })),
      refresh(),
      startUpload,
    ],
  },
  {
    description: 'is good for the host that it was got from, and for no other',
    calls: [
      { ...login(adminBasic), headers: { Host: 'one.example' } },
      { ...refresh({}, refused), headers: { ...formType, Host: 'other.example' } },
      refresh({}, refused),
      { ...refresh(), headers: { ...formType, Host: 'one.example' } },
    ],
  },
  {
    description: 'is no password, and no Bearer token',
    calls: [
      login(adminBasic),
      ...['Bearer {refresh}', 'Basic {refresh}'].map(
        (authorization): Call => ({
          method: 'GET',
          path: '/v2/',
          authorization,
          expect: { status: 401, code: 'UNAUTHORIZED' },
        }),
      ),
      {
        ...login('Bearer {refresh}'),
        expect: { status: 401, code: 'UNAUTHORIZED' },
        keep: {},
      },
    ],
  },
  ...(
    [
      ['that was never given', `berth_refresh_${'A'.repeat(43)}`],
      ['that is a character too short', `berth_refresh_${'A'.repeat(42)}`],
      ['that is very long', 'A'.repeat(60_000)],
      ['that is empty', ''],
      ['with a NUL in it', `berth_refresh_${'A'.repeat(42)}\0`],
      ['that is a path', '../../-/team/robots/ci'],
      ['of emojis', '🦭'.repeat(43)],
    ] as const
  ).map(([what, token]) => ({
    description: `${what} is 401, and it is not told why`,
    calls: [refresh({ refresh_token: token }, refused)],
  })),
  {
    description: 'is no access token, nor the other way round',
    calls: [
      { ...login(adminBasic), keep: { refresh: (answer) => bodyOf(answer).token } },
      refresh({}, refused),
    ],
  },
  {
    description: 'that is not sent at all makes the form a bad one',
    calls: [
      {
        ...refresh({}, { status: 400, code: 'UNSUPPORTED', message: /refresh_token is needed/ }),
        body: 'grant_type=refresh_token',
      },
    ],
  },
]);

testCalls('revoking', registry, [
  {
    description: 'makes a refresh token good for nothing, however often it is done',
    calls: [login(adminBasic), revoke(undefined), revoke(undefined), refresh({}, refused)],
  },
  {
    description: 'leaves the others of the same account',
    calls: [
      login(adminBasic),
      revoke(undefined),
      login(adminBasic),
      revoke({ token: `berth_refresh_${'B'.repeat(43)}`, token_type_hint: 'refresh_token' }),
      refresh(),
    ],
  },
  {
    description: 'tells of no token whether it was one',
    calls: [
      ...['x', '', `berth_refresh_${'A'.repeat(43)}`, 'A'.repeat(60_000), '\0', 'ey.ey.x'].map(
        (token) => revoke({ token }),
      ),
    ],
  },
  {
    description: 'needs a form with a token in it',
    calls: [
      revoke({ refresh_token: 'x' }, { status: 400, code: 'UNSUPPORTED' }),
      {
        ...revoke({}, { status: 400, code: 'UNSUPPORTED' }),
        headers: { 'Content-Type': 'application/json' },
        body: '{"token":"x"}',
      },
      revoke({ token: 'A'.repeat(65 * 1024) }, { status: 413 }),
      {
        method: 'GET',
        path: '/v2/token/revoke?token=x',
        expect: { status: 405, code: 'UNSUPPORTED', headers: { Allow: 'POST' } },
      },
    ],
  },
]);

describe('a robot’s refresh token', () => {
  const change = (robot: { project: string; name: string }, what: object) =>
    changeRobot(registry().services, { ...robot, author, change: what });

  it('grants what the robot may do when it is used, and not when it was given', async () => {
    const robot = await newRobot();
    const kept = await sendAll(registry().url, [login(robot.authorization)]);
    await change(robot, { role: 'reader' });
    const answers = [
      refresh(),
      { ...startUpload, expect: { status: 403, code: 'DENIED' } },
    ] satisfies Call[];
    await sendAll(registry().url, answers, kept);
  });

  const ends: [string, (robot: Awaited<ReturnType<typeof newRobot>>) => Promise<unknown>][] = [
    ['is disabled', (robot) => change(robot, { disabled: true })],
    ['is removed', (robot) => deleteRobot(registry().services, { ...robot, author })],
    [
      'is removed and made anew',
      async (robot) => {
        const { services } = registry();
        await deleteRobot(services, { ...robot, author });
        const { project, name } = robot;
        await createRobot(services, { project, name, role: 'writer' });
      },
    ],
    [
      'has the secret no more that it was got by',
      async (robot) => {
        await addSecret(registry().services, { ...robot, author });
        await revokeSecret(registry().services, { ...robot, author });
      },
    ],
  ];
  for (const [when, end] of ends) {
    it(`is good for nothing once the robot ${when}`, async () => {
      const robot = await newRobot();
      const kept = await sendAll(registry().url, [login(robot.authorization)]);
      await end(robot);
      await sendAll(registry().url, [refresh({}, refused)], kept);
    });
  }

  it('stays when another secret of the robot is revoked', async () => {
    const robot = await newRobot();
    const kept = await sendAll(registry().url, [login(robot.authorization)]);
    const { id } = await addSecret(registry().services, { ...robot, author });
    await revokeSecret(registry().services, { ...robot, id, author });
    await sendAll(registry().url, [refresh(), startUpload], kept);
  });

  itWhereClocksMove('and the tokens got by it end with the robot', async () => {
    const { clock, url } = registry();
    const robot = await newRobot({ expiresAt: clock.now() + 60_000 });
    const kept = await sendAll(url, [login(robot.authorization), refresh(), startUpload]);
    clock.advance(60_000);
    const late: Expectation = { status: 401, code: 'UNAUTHORIZED' };
    await sendAll(url, [refresh({}, refused), { ...startUpload, expect: late }], kept);
  });

  itWhereClocksMove('and its tokens are refused within a minute of a change', async () => {
    const { clock, url } = registry();
    const robot = await newRobot();
    const kept = await sendAll(url, [login(robot.authorization), refresh(), startUpload]);
    await change(robot, { disabled: true });
    clock.advance(60_000);
    const late: Expectation = { status: 401, code: 'UNAUTHORIZED' };
    await sendAll(url, [refresh({}, refused), { ...startUpload, expect: late }], kept);
  });
});
