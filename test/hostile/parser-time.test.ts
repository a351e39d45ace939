// Time that grows as the text does, for pieces of the grammar that are repeated until they are long. The deadline is
// only there so that such a test ends: anything slower would take hours. What is one character, or any, repeated is
// in test/unit/http/linear-time.test.ts.

import { before, describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { routes } from '#functions/routes.ts';
import { readSettings } from '#infra/local/settings.ts';
import { parseBasic } from '#shared/auth/credentials.ts';
import { parseScopes } from '#shared/auth/scope.ts';
import { parsePage } from '#shared/http/pagination.ts';
import { createRouter } from '#shared/http/router.ts';
import { parseManifest } from '#shared/oci/manifest.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import { parseContentRange, parseRange } from '#shared/oci/range.ts';
import { parseReference, parseRepositoryName } from '#shared/oci/reference.ts';
import { parseSession } from '#shared/registry/sessions.ts';
import { anyText, clock, type Imagined, imagine, repositoryOf, stateKeys } from './imagined.ts';
import { manifest } from './manifest-grammar.ts';
import { fuzz, randomOf } from './random.ts';
import { refusedOr } from './refused.ts';

let subject: Imagined;

before(async () => {
  subject = await imagine();
});

describe('time that grows as the text does: any piece of the grammar, repeated until it is long, in', () => {
  const length = 100_000;
  const deadlineMs = 20_000;
  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    names: parseRepositoryName,
    references: parseReference,
    scopes: (text) => parseScopes([text]),
    Basic: parseBasic,
    ranges: (text) => [parseRange(text, 10), parseContentRange(text)],
    'media types': parseContentType,
    paths: (text) => refusedOr(() => createRouter(routes)('GET', text), ''),
    pages: (text) => refusedOr(() => parsePage(new URLSearchParams({ n: text })), ''),
    manifests: (text) => refusedOr(() => parseManifest(Buffer.from(text), undefined), ''),
    sessions: (text) =>
      refusedOr(
        () => parseSession(repositoryOf('fuzz'), { id: 'x', state: text, keys: stateKeys, clock }),
        '',
      ),
    settings: (text) => {
      try {
        return readSettings({ BERTH_ANONYMOUS_PULL: text, HOST: text });
      } catch {
        return undefined;
      }
    },
  };
  for (const [name, read] of Object.entries(readers)) {
    it(name, () => {
      for (let at = 0; at < 60; at += 1) {
        const random = randomOf(fuzz.seed, at);
        const text = random.chance(0.2)
          ? manifest(random, subject, 1).bytes.toString('latin1')
          : anyText(random, subject);
        const start = random.below(text.length + 1);
        const piece = text.slice(start, start + 1 + random.below(4)) || '/';
        const pumped =
          text.slice(0, start) + piece.repeat(length / piece.length) + text.slice(start);
        runInNewContext('read(text)', { read, text: pumped }, { timeout: deadlineMs });
      }
    });
  }
});
