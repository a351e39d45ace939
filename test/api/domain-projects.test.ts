// Projects of a domain: `example.com:project`, as Google writes them, is `example.com/project` in names. Each place where
// a project stands, by either form where both are possible.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Answer,
  type Call,
  openUpload,
  pullBlob,
  pullManifest,
  pushAll,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';

const registry = useRegistry({ anonymousPull: new Set() });
const [colon, path] = ['example.com:team', 'example.com/team'];
const name = `${path}/web/app`;
const image = imageManifest();
const json = { 'Content-Type': 'application/json' };
const parsed = ({ body }: Answer) => JSON.parse(String(body)) as Record<string, unknown>;

/** A call to the admin API. @param rest what follows the project in its path */
const admin = (
  method: string,
  rest: string,
  body: object | undefined,
  expect: Call['expect'],
  headers: Record<string, string> = {},
): Call => ({
  method,
  path: `/api/v1/projects/${colon}/${rest}`,
  headers: { ...json, ...headers },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  expect,
});

const secretOf = (answer: Answer) => {
  const { username, secret } = parsed(answer) as { username: string; secret: { secret: string } };
  return `Basic ${Buffer.from(`${username}:${secret.secret}`).toString('base64')}`;
};

/** A robot, whose credentials are kept under its name. */
const createRobot = (robot: string, more: object): Call => ({
  ...admin('POST', 'robots', { name: robot, ...more }, { status: 201 }),
  keep: { [robot]: secretOf },
});

testCalls('a project of a domain', registry, [
  {
    description: 'has images, uploads and mounts, which are its own',
    calls: ((blob) => [
      ...pushAll(name, image, 'v1'),
      pullManifest(name, image, 'v1'),
      openUpload(name),
      {
        method: 'PUT',
        path: `{upload}&digest=${blob.digest}`,
        body: blob.bytes,
        expect: { status: 201, headers: { Location: `/v2/${name}/blobs/${blob.digest}` } },
      },
      pullBlob(name, blob),
      {
        method: 'POST',
        path: `/v2/${path}/other/blobs/uploads/?mount=${blob.digest}&from=${name}`,
        expect: { status: 201 },
      },
      {
        method: 'GET',
        path: `/v2/${path}/tags/list`,
        expect: { status: 200, json: { child: ['web'], manifest: {}, name: path, tags: [] } },
      },
      {
        method: 'GET',
        path: '/v2/_catalog',
        expect: {
          status: 200,
          also: (answer) => {
            const { repositories } = parsed(answer) as { repositories: string[] };
            assert.ok(repositories.includes(name));
          },
        },
      },
    ])(randomBlob()),
  },
  {
    description: 'has a policy, whose prefixes and robots may be written in either form',
    calls: [
      admin(
        'PUT',
        'policy',
        {
          bindings: [
            { role: 'reader', members: [`robot:a@${colon}`], prefix: `${colon}/web` },
            { role: 'reader', members: [`robot:b@${path}`, 'robot:c'], prefix: `${path}/web/*` },
          ],
        },
        {
          status: 200,
          has: {
            bindings: [
              {
                role: 'reader',
                members: [`robot:a@${path}`, `robot:b@${path}`, `robot:c@${path}`],
                prefix: `${path}/web`,
              },
            ],
          },
        },
        { 'If-Match': '*' },
      ),
      admin(
        'PUT',
        'policy',
        { bindings: [{ role: 'reader', members: ['robot:a'], prefix: 'example.com/other' }] },
        { status: 400, code: 'UNSUPPORTED', message: /a prefix begins with the project/ },
        { 'If-Match': '*' },
      ),
      { ...admin('GET', 'policy', undefined, { status: 200 }) },
      {
        method: 'GET',
        path: '/api/v1/projects/example.com%3Ateam/policy',
        expect: { status: 200 },
      },
      {
        method: 'GET',
        path: '/api/v1/projects/example.com:/policy',
        expect: { status: 400, code: 'NAME_INVALID' },
      },
      {
        method: 'GET',
        path: '/api/v1/projects/no-domain:team/policy',
        expect: { status: 400, code: 'NAME_INVALID' },
      },
    ],
  },
  {
    description: 'has robots, who log in by its name in names, and are let in where they may',
    calls: [
      ...pushAll(name, image, 'v1'),
      createRobot('puller', { role: 'reader', prefix: `${colon}/web` }),
      {
        method: 'GET',
        path: `/v2/token?scope=repository:${name}:pull`,
        authorization: '{puller}',
        expect: { status: 200 },
        keep: { token: (answer) => String(parsed(answer)['token']) },
      },
      { ...pullManifest(name, image, 'v1'), authorization: 'Bearer {token}' },
      { ...pullManifest(name, image, 'v1'), authorization: '{puller}' },
      {
        method: 'GET',
        path: '/api/v1/whoami',
        authorization: '{puller}',
        expect: { status: 200, has: { principal: `robot:puller@${path}` } },
      },
      {
        method: 'GET',
        path: '/api/v1/projects',
        authorization: '{puller}',
        expect: { status: 200, json: { projects: [{ project: colon, role: 'reader' }] } },
      },
      admin('GET', 'robots/puller', undefined, {
        status: 200,
        has: { username: `puller@${path}`, prefix: `${path}/web` },
      }),
    ],
  },
  ...[colon, path].map((written) => ({
    description: `is administered by a token for project:${written}:admin`,
    calls: [
      {
        method: 'GET',
        path: `/v2/token?scope=project:${written}:admin`,
        expect: { status: 200 },
        keep: { token: (answer: Answer) => String(parsed(answer)['token']) },
      },
      {
        ...admin('GET', 'robots', undefined, { status: 200 }),
        authorization: 'Bearer {token}',
      },
    ],
  })),
  {
    description: 'has federation rules',
    calls: [
      admin(
        'POST',
        'federation',
        {
          id: 'ci',
          issuer: 'https://issuer.example',
          claims: { sub: 'repo:org/app:ref' },
          role: 'writer',
          prefix: `${colon}/web`,
        },
        {
          status: 201,
          headers: { Location: `/api/v1/projects/${colon}/federation/ci` },
          has: { prefix: `${path}/web` },
        },
      ),
    ],
  },
  {
    description: 'has an audit, of a repository by either form',
    calls: [
      ...pushAll(name, image, 'v1'),
      ...[`${colon}/web/app`, name].map((repository) =>
        admin('GET', `audit?n=1&repository=${repository}&action=manifest.push`, undefined, {
          status: 200,
          also: (answer) => {
            const { entries } = parsed(answer) as { entries: Record<string, unknown>[] };
            assert.deepEqual(
              entries.map((entry) => [entry['repository'], entry['tags']]),
              [[name, ['v1']]],
            );
          },
        }),
      ),
      admin('GET', 'audit?repository=example.com/other/app', undefined, { status: 400 }),
    ],
  },
  {
    description: 'is in the operators’ list of projects, and after either form of another',
    calls: [
      ...pushAll('example.com/later/app', image, 'v1'),
      ...[colon, path].map(
        (last): Call => ({
          method: 'GET',
          path: `/api/v1/projects?undecided=true&n=1&last=${last.replace('team', 'after')}`,
          expect: {
            status: 200,
            json: { projects: [{ project: 'example.com:later', role: 'owner' }] },
          },
        }),
      ),
    ],
  },
]);

describe('a setting that names a project of a domain', () => {
  for (const written of [colon, path]) {
    it(`may write it ${written}`, async () => {
      const { projectsSchema } = await import('#shared/settings.ts');
      const { parse } = await import('valibot');
      assert.deepEqual(parse(projectsSchema, `a, ${written}`), new Set(['a', path]));
    });
  }
});

it('the log tells of it by its name in names', {
  skip: isOnGoogle() ? 'it is printed by other processes, a little later' : false,
}, async () => {
  await sendAll(registry().url, pushAll(name, imageManifest(), 'logged'));
  await send(registry().url, { method: 'DELETE', path: `/v2/${name}/manifests/logged` });
  const last = registry().audits.findLast(({ audit }) => audit.action === 'tag.delete');
  assert.deepEqual([last?.audit.project, last?.audit.repository], [path, name]);
});
