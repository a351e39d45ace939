// What is read of bodies beside manifests: configs, indexes under the referrers tag, and the token endpoint's form.

import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { before, describe, it } from 'node:test';
import { issueToken } from '#functions/token/issue.ts';
import { nobody } from '#shared/auth/identity.ts';
import { parseScopes } from '#shared/auth/scope.ts';
import { parseRequest } from '#shared/http/request.ts';
import { parseDigest } from '#shared/oci/digest.ts';
import { formBytesMax, platformCharactersMax } from '#shared/oci/limits.ts';
import { parseManifest } from '#shared/oci/manifest.ts';
import { isIndex } from '#shared/oci/media-types.ts';
import { parseConfig } from '#shared/registry/config.ts';
import { parseTagged } from '#shared/registry/referrers.ts';
import { useRegistry } from '#test/support/calls.ts';
import { adminPassword } from '#test/support/registry.ts';
import { anyText, type Imagined, imagine } from './imagined.ts';
import { config, manifest } from './manifest-grammar.ts';
import { property } from './property.ts';
import { fuzz, type Random } from './random.ts';
import { refusedOr, refusedOrLater } from './refused.ts';
import * as values from './values.ts';

const registry = useRegistry();
let subject: Imagined;

before(async () => {
  subject = await imagine();
});

describe(`${fuzz.runs} inputs of the grammar, seed ${fuzz.seed}: what is read of`, () => {
  it(
    'a config is a time and a short platform, or nothing',
    property((random) => {
      const bytes = config(random, subject, random.pick([0, 0, 1, 2, 5]));
      const { created, platform } = parseConfig(bytes);
      assert.ok(created === undefined || Number.isSafeInteger(created), `${bytes}`);
      if (platform === undefined) return;
      assert.ok(platform.length <= 3 * platformCharactersMax + 2, `${bytes}`);
      assert.match(platform, /^[\x20-\x7e]+$/);
    }),
  );

  it(
    'an index under the referrers tag is sound, as each manifest that was taken',
    property((random) => {
      const breaks = random.pick([0, 1, 2, 5]);
      const { bytes, mediaType } = manifest(random, subject, breaks);
      const taken = refusedOr(() => parseManifest(bytes, mediaType), bytes.toString('latin1'));
      if (taken === undefined || !isIndex(taken.mediaType)) return;
      const listed = parseTagged(bytes);
      assert.deepEqual(
        listed.map(({ digest, size }) => [digest, size]),
        taken.manifests.map(({ digest, size }) => [digest, size]),
      );
      for (const { digest } of listed) assert.equal(parseDigest(digest), digest);
    }),
  );

  it(
    'the token endpoint’s form lets in who knows the password, for no more than was asked for',
    property(async (random) => {
      const { body, type, asked, knows } = form(random);
      const reply = await refusedOrLater(
        () => issueToken(requestOf(body, type), services()),
        shown(body),
      );
      assert.equal(reply?.status, knows ? 200 : undefined, `${type}: ${shown(body)}`);
      if (reply === undefined) return;
      assert.equal(reply.actor, 'user:admin');
      const { token, access_token } = JSON.parse(String(reply.body));
      assert.equal(token, access_token);
      const claims = await services().verifier.verify('registry.example', token);
      assert.equal(claims?.principal.kind, 'admin');
      const names = parseScopes(asked).map(({ name }) => name);
      for (const { name } of [...(claims?.granted ?? []), ...(claims?.refused ?? [])]) {
        assert.ok(names.includes(name), `${name} was not asked for: ${shown(body)}`);
      }
    }),
  );
});

const services = () => registry().services;
const shown = (body: Buffer) => body.toString('latin1', 0, 2000);

interface Form {
  readonly body: Buffer;
  readonly type: string | undefined;
  readonly asked: readonly string[];
  /** Whether it says all that a token needs. */
  readonly knows: boolean;
}

/** A form of the token endpoint, in which little or much is wrong. */
function form(random: Random): Form {
  const sound = random.chance(0.4);
  const usual = 'application/x-www-form-urlencoded';
  const type = sound
    ? random.pick([usual, `${usual}; charset=utf-8`, undefined])
    : random.pick([usual, 'text/plain', 'x', anyText(random, subject)]);
  const asked = Array.from({ length: random.below(4) }, () =>
    random.chance(0.7)
      ? values.scope(random, subject, random.chance(0.5))
      : anyText(random, subject),
  );
  const fields: [string, string][] = asked.map((scope) => ['scope', scope]);
  fields.push(
    ['grant_type', 'password'],
    ['username', 'admin'],
    ['password', sound ? adminPassword : anyText(random, subject)],
    ['service', anyText(random, subject)],
  );
  if (!sound) fields.splice(random.below(fields.length), random.below(3));
  const text = new URLSearchParams(fields).toString();
  const body = Buffer.from(sound ? text : random.chance(0.5) ? values.nearly(random, text) : text);
  return { body, type, asked, knows: sound && body.length <= formBytesMax };
}

/** What functions-framework hands over: the body has been read. */
function requestOf(body: Buffer, type: string | undefined): Parameters<typeof issueToken>[0] {
  const message = Object.assign(new IncomingMessage(new Socket()), { rawBody: body });
  message.method = 'POST';
  message.url = '/v2/token';
  message.headers = {
    host: 'registry.example',
    'content-length': String(body.length),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
  const refuse = async () => false;
  const access = {
    by: 'anonymous',
    identity: nobody,
    may: refuse,
    couldDo: refuse,
    couldSeeSome: refuse,
  };
  const known = { params: {}, access, location: 'local', requestId: 'hostile' };
  return { ...parseRequest(message), ...known };
}
