// Everybody who can log in, by each client's own `login`, against the real process: who is known as whom, may push or
// only pull, and how who is not known is refused.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type Acquaintances,
  type Login,
  makeAcquaintances,
  stranger,
  writer,
} from './acquaintances.ts';
import { refusal, type Scratch, scratch, unlessInstalled, unlessRoot } from './client.ts';
import { type Containerd, startContainerd } from './containerd.ts';
import { clients, type NewHome, settle, skips } from './homes.ts';
import { byToken } from './tokens.ts';

interface Person extends Login {
  /** Whom the registry's log calls who comes so. */
  readonly actor: string;
}

let known: Acquaintances;
let robots = 0;

const robot = async (role: 'writer' | 'reader'): Promise<Person> => {
  robots += 1;
  const login = await known.robot(`robot-${robots}`, role);
  return { ...login, actor: `robot:${login.username}` };
};
const user = (email: string, scopes?: readonly string[]): Person => ({
  username: 'oauth2accesstoken',
  password: known.google.accessToken({ email, ...(scopes === undefined ? {} : { scopes }) }),
  actor: `user:${email}`,
});
const byKey = (username: string, password: string): Person => ({
  ...{ username, password },
  actor: `serviceAccount:${known.ci.email}`,
});

/** Who, in what they log in with, may push and pull in the project, or only pull. */
const people: Readonly<
  Record<'push' | 'pull', Readonly<Record<string, () => Person | Promise<Person>>>>
> = {
  push: {
    'the admin': () => ({ ...known.admin, actor: 'user:admin' }),
    'a robot that writes': () => robot('writer'),
    'a service account by its key': () => byKey('_json_key', known.ci.keyJson),
    'a service account by its key in base64': () =>
      byKey('_json_key_base64', Buffer.from(known.ci.keyJson).toString('base64')),
    'a user by an access token': () => user(writer),
    'a job of GitHub’s': async () => ({
      username: '_oidc',
      password: await known.jobToken(),
      actor: `principal://${known.issuer.url}/repo:acme/app:ref:refs/heads/main`,
    }),
  },
  pull: {
    'a robot that reads': () => robot('reader'),
    'a user by a token that only reads': () =>
      user(writer, ['devstorage.read_only', 'userinfo.email']),
    'a node by its metadata server': () => ({
      username: '_token',
      password: known.google.metadataToken({ email: known.node.email }),
      actor: `serviceAccount:${known.node.id}`,
    }),
  },
};

/** What shows nobody. */
const wrong: Readonly<Record<string, () => Login | Promise<Login>>> = {
  'the admin by a wrong password': () => ({ username: 'admin', password: 'not the password' }),
  'a robot by another’s secret': async () => {
    const [one, other] = [await robot('writer'), await robot('writer')];
    return { ...one, password: other.password };
  },
  'a service account by a key that was deleted': async () => {
    const key = await known.ci.addKey();
    known.ci.deleteKey(key.private_key_id);
    return { username: '_json_key', password: JSON.stringify(key) };
  },
  'a user by a token that was taken back': () => {
    const { username, password } = user(writer);
    known.google.revokeToken(password);
    return { username, password };
  },
  'a job of a repository that nobody trusts': async () => ({
    username: '_oidc',
    password: await known.jobToken('evil/app'),
  }),
};

describe('logins', { skip: unlessInstalled('skopeo') }, () => {
  let space: Scratch;

  before(async () => {
    space = await scratch();
    known = await makeAcquaintances(space);
  });
  after(() => space.remove());

  for (const client of clients) {
    describe(`of ${client}`, { skip: skips[client] }, () => {
      let newHome: NewHome;
      before(async () => {
        newHome = await settle(client, known, space);
      });

      for (const [who, introduce] of Object.entries(people.push)) {
        it(`${who} pushes and pulls in the project that lets them, and not in another`, async () => {
          const person = await introduce();
          const home = await newHome();
          await home.login(person);
          const image = `team/web/${client}:pushed`;
          await byToken(known.berth, person.actor, () => home.push(image));
          await byToken(known.berth, person.actor, () => home.pull(image));
          if (person.username === 'admin') return;
          await assert.rejects(home.pull('other/app:v1'), refusal);
          await assert.rejects(home.push('open/app:v1'), refusal);
        });
      }

      for (const [who, introduce] of Object.entries(people.pull)) {
        it(`${who} pulls, and pushes nowhere`, async () => {
          const person = await introduce();
          const home = await newHome();
          await home.login(person);
          await byToken(known.berth, person.actor, () => home.pull('team/web/app:v1'));
          await assert.rejects(home.push('team/web/app:v1'), refusal);
          await assert.rejects(home.pull('other/app:v1'), refusal);
        });
      }

      for (const [who, introduce] of Object.entries(wrong)) {
        it(`does not take ${who}`, async () => {
          const home = await newHome();
          await assert.rejects(home.login(await introduce()), refusedLogin);
          await assert.rejects(home.pull('team/web/app:v1'), refusal);
        });
      }

      it('takes a user of Google whom no project knows for nobody', async () => {
        const home = await newHome();
        await home.login(user(stranger));
        await home.pull('open/app:v1');
        await assert.rejects(home.pull('team/web/app:v1'), refusal);
        await assert.rejects(home.push('team/web/app:v1'), refusal);
      });

      it('is refused as soon as the secret of its robot was revoked, in what it stored, too', async () => {
        const login = await known.robot(`revoked-of-${client}`, 'writer');
        const home = await newHome();
        await home.login(login);
        await home.push(`team/${client}:revoked`);
        await login.revoke();
        await assert.rejects(home.push(`team/${client}:revoked`), refusal);
        await assert.rejects(home.pull('team/web/app:v1'), refusal);
        await assert.rejects(home.login(login), refusedLogin);
      });

      it('stores nothing of itself once it logged out', async () => {
        const home = await newHome();
        const before = await readFile(join(home.directory, 'config.json'), 'utf8');
        await home.login(await robot('writer'));
        await home.logout();
        const { auths = {} } = JSON.parse(
          await readFile(join(home.directory, 'config.json'), 'utf8'),
        );
        assert.deepEqual(auths, {}, before);
        await assert.rejects(home.pull('team/web/app:v1'), refusal);
      });
    });
  }

  const skip = unlessRoot('containerd') || unlessInstalled('containerd', 'ctr');
  describe('of containerd', { skip }, () => {
    let ctr: Containerd;
    before(async () => {
      ctr = await startContainerd(join(space.path, 'containerd'));
      space.after(() => ctr.stop());
      await ctr('images', 'pull', '--plain-http', known.name('open/app:v1'));
    });

    const as = ({ username, password }: Login) => ['--user', `${username}:${password}`];
    const pull = (image: string, ...more: string[]) =>
      ctr('images', 'pull', '--plain-http', ...more, known.name(image));
    const push = (image: string, ...more: string[]) => {
      const held = known.name('open/app:v1');
      return ctr('images', 'push', '--plain-http', ...more, known.name(image), held);
    };

    for (const [who, introduce] of Object.entries(people.push)) {
      it(`${who} pushes and pulls`, async () => {
        const person = await introduce();
        const image = `team/web/containerd:${robots}`;
        await push(image, ...as(person));
        await byToken(known.berth, person.actor, () => pull(image, ...as(person)));
        if (person.username === 'admin') return;
        await assert.rejects(pull('other/app:v1', ...as(person)), refusal);
      });
    }

    for (const [who, introduce] of Object.entries(people.pull)) {
      it(`${who} pulls, and pushes nowhere`, async () => {
        const person = await introduce();
        await byToken(known.berth, person.actor, () => pull('team/web/app:v1', ...as(person)));
        // In which words is left to chance: containerd 1.6 may stumble over its own pipe before it reads the answer.
        await assert.rejects(push('team/web/app:v2', ...as(person)));
        await assert.rejects(pull('team/web/app:v2', ...as(person)), /not found/);
      });
    }

    for (const [who, introduce] of Object.entries(wrong)) {
      it(`does not take ${who}`, async () => {
        await assert.rejects(pull('team/web/app:v1', ...as(await introduce())), /401 Unauthorized/);
      });
    }
  });
});

/** How clients say that a login was refused. */
const refusedLogin = /unauthorized|invalid username\/password|authentication required/i;
