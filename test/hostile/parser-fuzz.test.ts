// Every parser of what a client sends, on the grammar of hostile requests: what it gives is sound, what it throws is
// what it says it throws. What each does with any text at all is in test/unit.

import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { before, describe, it } from 'node:test';
import { routes } from '#functions/routes.ts';
import { readSettings, settings } from '#infra/local/settings.ts';
import { parseBasic } from '#shared/auth/credentials.ts';
import { formatScope, parseScopes } from '#shared/auth/scope.ts';
import { isFresh, parsePrecondition, rangeApplies } from '#shared/http/conditional.ts';
import { parsePage } from '#shared/http/pagination.ts';
import { parseRequest } from '#shared/http/request.ts';
import { createRouter } from '#shared/http/router.ts';
import { algorithmOf, parseAlgorithm, parseDigest } from '#shared/oci/digest.ts';
import { descriptorsMax, nameCharactersMax, pageEntriesMax } from '#shared/oci/limits.ts';
import { blobsOf, childrenOf, parseManifest } from '#shared/oci/manifest.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import { unmet } from '#shared/oci/precondition.ts';
import { parseContentRange, parseRange } from '#shared/oci/range.ts';
import { parseReference, parseRepositoryName, projectOf } from '#shared/oci/reference.ts';
import { parseSession, sessionIdIn } from '#shared/registry/sessions.ts';
import { basic, hostileAuthorization, hostileHeaders } from './header-grammar.ts';
import { anyText, clock, type Imagined, imagine, repositoryOf, stateKeys } from './imagined.ts';
import { manifest } from './manifest-grammar.ts';
import { property } from './property.ts';
import { fuzz } from './random.ts';
import { refusedOr } from './refused.ts';
import * as values from './values.ts';
import { hostileText, nearly } from './values.ts';

let subject: Imagined;

before(async () => {
  subject = await imagine();
});

describe(`${fuzz.runs} inputs of the grammar, seed ${fuzz.seed}: the parser of`, () => {
  it(
    'names gives those that are safe as a path, and their project is where they begin',
    property((random) => {
      const text = anyText(random, subject);
      const name = parseRepositoryName(text);
      if (name === undefined) return;
      assert.equal(name, text);
      assert.ok(name.length <= nameCharactersMax);
      assert.match(name, /^[a-z0-9._/-]+$/);
      for (const part of name.split('/'))
        assert.ok(part !== '' && part !== '.' && part !== '..', name);
      assert.ok(`${name}/`.startsWith(`${projectOf(name)}/`));
    }),
  );

  it(
    'references gives a digest that reads back or a tag, never both',
    property((random) => {
      const text = anyText(random, subject);
      const reference = parseReference(text);
      if (reference?.kind === 'digest') {
        assert.equal(parseDigest(text), reference.digest);
        assert.equal(text.length, algorithmOf(reference.digest) === 'sha256' ? 71 : 135);
      } else assert.equal(parseDigest(text), undefined);
      if (reference?.kind === 'tag') assert.match(text, /^\w[\w.-]{0,127}$/);
    }),
  );

  it(
    'algorithms knows the two that are registered, by exactly their names',
    property((random) => {
      const known = ['sha256', 'sha512'];
      const text = random.pick([random.pick(known), anyText(random, subject)]);
      const sent = random.chance(0.3) ? nearly(random, text) : text;
      assert.equal(parseAlgorithm(sent), known.includes(sent) ? sent : undefined);
    }),
  );

  it(
    'manifests takes every sound one whole, and of broken ones none that would not hold',
    property((random) => {
      const breaks = random.pick([0, 1, 1, 2, 5]);
      const { bytes, mediaType } = manifest(random, subject, breaks);
      const contentType = parseContentType(random.chance(0.8) ? mediaType : undefined);
      const read = refusedOr(() => parseManifest(bytes, contentType), bytes.toString('latin1'));
      if (read === undefined) {
        assert.ok(breaks > 0 || contentType === 'text/plain', `a sound one was refused: ${bytes}`);
        return;
      }
      const all = [...read.layers, ...read.manifests];
      assert.ok(all.length <= descriptorsMax);
      for (const one of [...all, read.config, read.subject]) {
        if (one === undefined) continue;
        assert.equal(parseDigest(one.digest), one.digest);
        assert.ok(Number.isSafeInteger(one.size) && one.size >= 0);
      }
      const named = new Set(
        [...all, ...(read.config === undefined ? [] : [read.config])].map(({ digest }) => digest),
      );
      assert.deepEqual(
        new Set([...blobsOf(read), ...childrenOf(read)].map(({ digest }) => digest)),
        named,
      );
      // Nothing that was sent has become a property of every object.
      assert.deepEqual(Object.keys(Object.prototype), []);
      assert.equal(({} as Record<string, unknown>)['a'], undefined);
      // What is kept of it can be kept: it is written and read back.
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(read)));
    }, 2),
  );

  it(
    'ranges asks for what the header says, as counted one byte after another',
    property((random) => {
      const size = random.below(12);
      const [first, last] = [random.below(14), random.below(14)];
      const header = random.pick([
        `bytes=${first}-${last}`,
        `bytes=${first}-`,
        `bytes=-${last}`,
        values.hostileRange(random),
        anyText(random, subject),
      ]);
      const range = parseRange(header, size);
      const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
      const wanted = Array.from({ length: size }, (_, at) => at).filter((at) =>
        from === ''
          ? at >= size - Number(to)
          : at >= Number(from) && (to === '' || at <= Number(to)),
      );
      if (range === undefined) assert.ok(from === undefined || from + to === '', header);
      else if (range === 'unsatisfiable') assert.deepEqual(wanted, [], header);
      else
        assert.deepEqual(
          [range.start, range.end],
          [wanted.at(0), wanted.at(-1)],
          `${header} of ${size}`,
        );
      const sent = refusedOr(() => parseContentRange(header.replace('=', ' ')), header);
      if (sent !== undefined) assert.ok(0 <= sent.start && sent.start <= sent.end);
    }),
  );

  it(
    'scopes gives none that was not asked for, and reads back what it wrote',
    property((random) => {
      const parameters = Array.from({ length: random.below(4) }, () =>
        random.chance(0.7)
          ? values.scope(random, subject, random.chance(0.5))
          : anyText(random, subject),
      );
      for (const scope of parseScopes(parameters)) {
        assert.ok(parameters.some((parameter) => parameter.includes(scope.name)));
        assert.ok(scope.type !== '' || parameters.some((parameter) => /(?:^| )\(/.test(parameter)));
        assert.ok(scope.actions.every((action) => action !== '' && !/[ ,:]/.test(action)));
        if (scope.type === '' || /[ :(]/.test(scope.type + scope.name)) continue;
        assert.deepEqual(parseScopes([formatScope(scope)]), [scope]);
      }
    }),
  );

  it(
    'Basic gives the username before the first colon, and all behind it',
    property((random) => {
      const header = random.chance(0.5)
        ? hostileAuthorization(random, subject)
        : basic(anyText(random, subject));
      const read = parseBasic(header);
      if (read === undefined) return;
      assert.ok(!read.username.includes(':'));
      assert.ok(!`${read.username}${read.password}`.includes('\0'));
      const again = parseBasic(basic(`${read.username}:${read.password}`));
      assert.deepEqual(again, read);
    }),
  );

  it(
    'pages gives a limit that can be answered',
    property((random) => {
      const query = new URLSearchParams(
        `n=${anyText(random, subject)}&last=${anyText(random, subject)}&n=${anyText(random, subject)}`,
      );
      const page = refusedOr(() => parsePage(query), query.toString());
      if (page === undefined) return;
      assert.ok(
        Number.isSafeInteger(page.limit) && page.limit >= 0 && page.limit <= pageEntriesMax,
      );
      assert.ok(page.last === undefined || !page.last.includes('\0'));
    }),
  );

  const match = createRouter(routes);
  it(
    'paths finds a route of the table, by its method, and every parameter with something in it',
    property((random) => {
      const { path, methods } = random.pick(routes);
      const filled = path.replace(/\{\w+\}/g, () => anyText(random, subject));
      const sent = random.chance(0.3) ? nearly(random, filled) : filled;
      const method = random.chance(0.8) ? random.pick(methods) : hostileText(random);
      const found = refusedOr(() => match(method, sent), [method, sent]);
      if (found === undefined) return;
      const { route, params } = found;
      assert.ok((route.methods as readonly string[]).includes(method));
      const written = route.path.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? '');
      assert.equal(written, sent.replace(/%3a/gi, ':'));
      for (const [name, value] of Object.entries(params)) {
        assert.ok(value !== '' && (name === 'name' || !value.includes('/')), `${name} is ${value}`);
      }
    }),
  );

  it(
    'requests gives a host that may be written into a header, and the target as it was sent',
    property((random) => {
      const message = new IncomingMessage(new Socket());
      message.method = 'GET';
      message.url = `/v2/${anyText(random, subject)}${random.chance(0.5) ? `?${anyText(random, subject)}=${anyText(random, subject)}` : ''}`;
      const headers = Array.from({ length: random.below(4) }, () =>
        hostileHeaders(random, subject),
      );
      headers.push(['Host', random.chance(0.6) ? 'registry.example' : anyText(random, subject)]);
      message.rawHeaders = headers.flat();
      message.headers = Object.fromEntries(
        headers.map(([name, value]) => [name.toLowerCase(), value]),
      );
      const request = refusedOr(() => parseRequest(message), message.url);
      if (request === undefined) return;
      assert.match(request.origin, /^https?:\/\/[a-z0-9.:[\]-]+$/);
      assert.ok(message.url.startsWith(request.path) && !request.path.includes('?'));
      const digest = random.pick(subject.blobs).digest as Parameters<typeof isFresh>[1];
      const tag = random.pick([
        `"${digest}"`,
        `W/"${digest}"`,
        `"x", "${digest}"`,
        '*',
        digest,
        '"x"',
      ]);
      assert.equal(
        isFresh({ 'if-none-match': tag }, digest),
        tag === '*' || tag.includes(`"${digest}"`),
      );
      assert.equal(rangeApplies({ 'if-range': tag }, digest), tag === `"${digest}"`);
    }),
  );

  it(
    'conditions holds each to what was written, and gives nothing for what is none',
    property((random) => {
      const digest = random.pick(subject.blobs).digest as Parameters<typeof isFresh>[1];
      const opaque = () =>
        random.pick([digest, '', 'x', 'a,b', '*', `${digest},`, '\u00ff', 'W/', digest.slice(1)]);
      const tags = Array.from({ length: 1 + random.below(5) }, () => ({
        weak: random.chance(0.3),
        text: opaque(),
      }));
      const gap = () => random.pick([',', ', ', ' ,\t', ',,', ' , , ']);
      const written = tags
        .map(({ weak, text }) => `${weak ? 'W/' : ''}"${text}"`)
        .reduce((before, tag) => `${before}${gap()}${tag}`);
      const held = parsePrecondition({ 'if-match': written, 'if-none-match': written }) ?? {};
      const strong = tags.some(({ weak, text }) => !weak && text === digest);
      const any = tags.some(({ text }) => text === digest);
      assert.equal(unmet({ match: held.match }, digest) === undefined, strong, written);
      assert.equal(unmet({ noneMatch: held.noneMatch }, digest) === undefined, !any, written);
      assert.equal(unmet({ match: held.match }, undefined), 'If-Match');
      assert.equal(unmet({ noneMatch: held.noneMatch }, undefined), undefined);
      assert.equal(isFresh({ 'if-none-match': written }, digest), any, written);
      // Anything at all: refused as it should be, or it names only what stands in quotes there.
      const broken = random.chance(0.5) ? nearly(random, written) : hostileText(random);
      const found = refusedOr(() => parsePrecondition({ 'if-match': broken }), broken);
      if (found?.match === undefined) return;
      if (found.match === '*') assert.equal(broken.trim(), '*');
      else for (const one of found.match) assert.ok(broken.includes(`"${one}"`), broken);
    }),
  );

  it(
    'sessions gives the one that was signed, and no other',
    property((random) => {
      const at = random.below(subject.names.length);
      const { id, state } = values.session(random, subject, random.chance(0.3));
      const repository = repositoryOf(subject.names[at] ?? '');
      const read = refusedOr(
        () => parseSession(repository, { id: sessionIdIn(id), state, keys: stateKeys, clock }),
        { id, state },
      );
      const own = subject.sessions[at] ?? '';
      const isOwn =
        own.replace('~', '') ===
        `/v2/${subject.names[at]}/blobs/uploads/${sessionIdIn(id)}?_state=${state}`;
      assert.equal(read !== undefined, isOwn, `${id} ${state}`);
    }),
  );

  it(
    'tokens lets none through but the one that was issued',
    property(async (random) => {
      const [token = ''] = subject.tokens;
      const header = hostileAuthorization(random, subject);
      const sent = random.chance(0.7)
        ? header.replace(/^\w+ +/, '')
        : random.pick([anyText(random, subject), ...subject.strangers]);
      const claims = await subject.verifier.verify(subject.host, sent);
      if (claims !== undefined) assert.ok(sameBytes(sent, token), sent);
      assert.equal(
        await subject.verifier.verify(random.pick(['elsewhere', '', `${subject.host}:80`]), token),
        undefined,
      );
    }),
  );

  it(
    'settings gives what may be used, or names the one that is wrong',
    property((random) => {
      const environment = Object.fromEntries(
        Object.keys(settings).map((name) => [
          name,
          random.chance(0.4) ? undefined : anyText(random, subject),
        ]),
      );
      try {
        const { port, host, dataDirectory, anonymousPull } = readSettings(environment);
        assert.ok(Number.isSafeInteger(port) && port <= 65_535);
        assert.ok(host !== '' && dataDirectory !== '');
        if (anonymousPull !== '*') assert.ok(!anonymousPull.has(''));
      } catch (error) {
        assert.ok(
          error instanceof Error &&
            Object.keys(settings).some((name) => error.message.startsWith(`${name} `)),
          String(error),
        );
      }
    }),
  );
});

/** The last character of a signature holds two bits that say nothing: another may be written there. */
function sameBytes(one: string, other: string): boolean {
  const [a, b] = [one, other].map((token) =>
    token.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex')),
  );
  return JSON.stringify(a) === JSON.stringify(b);
}
