// Federation rules: what a project may trust, whom a rule means, and above all whom it does not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type FederationRule,
  matchesPattern,
  matchesRule,
  parseFederationRule,
} from '#shared/auth/oidc/federation-rules.ts';
import { githubClaims, gitlabClaims } from '#test/support/oidc-issuer.ts';

const github = 'https://token.actions.githubusercontent.com';
const host = 'registry.example.com';
const ours = [`https://${host}`, host];

describe('matchesPattern', () => {
  const yes: readonly (readonly [pattern: string, text: string])[] = [
    ['repo:octo-org/octo-repo:ref:refs/heads/main', 'repo:octo-org/octo-repo:ref:refs/heads/main'],
    ['octo-org/*', 'octo-org/octo-repo'],
    ['octo-org/*', 'octo-org/'],
    ['refs/tags/v*', 'refs/tags/v1.2.3'],
    ['refs/heads/**', 'refs/heads/feature/x:y'],
    ['repo:octo-org/*:ref:refs/heads/*', 'repo:octo-org/octo-repo:ref:refs/heads/main'],
    ['repo:octo-org@*/octo-repo@*:**', 'repo:octo-org@12/octo-repo@34:ref:refs/heads/main'],
    ['**', ''],
    ['*', 'ein Wörtchen'],
    ['a*b*c', 'abbbcbc'],
    ['a****z', 'a/b:c/z'],
    ['[a-z]+', '[a-z]+'],
    ['*', '*'],
  ];
  for (const [pattern, text] of yes) {
    it(`takes ${JSON.stringify(text)} for ${pattern}`, () => {
      assert.ok(matchesPattern(pattern, text));
    });
  }

  const no: readonly (readonly [pattern: string, text: string])[] = [
    ['octo-org/*', 'octo-org-evil/octo-repo'],
    ['octo-org/*', 'evil/octo-org/octo-repo'],
    ['octo-org/*', 'octo-org/a/b'],
    ['octo-org/*', 'octo-org'],
    ['octo-org/*', 'Octo-Org/octo-repo'],
    // A branch, or an environment, that is named like another subject.
    ['repo:octo-org/*:ref:refs/heads/main', 'repo:octo-org/x:environment:y:ref:refs/heads/main'],
    ['repo:octo-org/*:ref:refs/heads/main', 'repo:octo-org/x/y:ref:refs/heads/main'],
    ['repo:octo-org/app:ref:refs/heads/*', 'repo:octo-org/app:ref:refs/heads/feature/main'],
    ['repo:octo-org/app:ref:refs/heads/*', 'repo:octo-org/app:ref:refs/tags/v1'],
    ['repo:octo-org/app:ref:refs/heads/*', 'repo:octo-org/app:pull_request'],
    ['repo:octo-org/app:*', 'repo:octo-org/app:ref:refs/heads/main'],
    ['repo:octo-org/app:**', 'repo:octo-org/app-evil:ref:refs/heads/main'],
    ['repo:octo-org/app:ref:refs/heads/main', 'repo:octo-org/app:ref:refs/heads/main2'],
    ['repo:octo-org/app:ref:refs/heads/main', 'repo:octo-org/app:ref:refs/heads/main\n'],
    ['repo:octo-org/app:ref:refs/heads/main', ' repo:octo-org/app:ref:refs/heads/main'],
    ['refs/tags/v*', 'refs/tags/v1/x'],
    ['main', 'domain'],
    ['main', 'maintenance'],
    ['ma.n', 'main'],
    ['ma?n', 'main'],
    ['main|x', 'main'],
    ['', 'a'],
    ['*', '/'],
    ['*', ':'],
    ['a*b', 'a/b'],
    ['a**b', 'a/bc'],
    ['\\*', '*'],
    ['%2A', '*'],
    ['**', 'a'.repeat(1025)],
    [`${'*'.repeat(1025)}`, 'a'],
  ];
  for (const [pattern, text] of no) {
    it(`does not take ${JSON.stringify(text.slice(0, 60))} for ${pattern.slice(0, 60)}`, () => {
      assert.equal(matchesPattern(pattern, text), false);
    });
  }

  /** What the pattern means, as one would write it down at once, in exponential time. */
  function means(pattern: string, text: string): boolean {
    if (pattern === '') return text === '';
    const [wildcard] = /^\*\*|^\*/.exec(pattern) ?? [];
    if (wildcard === undefined) {
      return text !== '' && text[0] === pattern[0] && means(pattern.slice(1), text.slice(1));
    }
    if (means(pattern.slice(wildcard.length), text)) return true;
    if (text === '' || (wildcard === '*' && /^[/:]/.test(text))) return false;
    return means(pattern, text.slice(1));
  }

  it('says of any pattern and text what the pattern means', () => {
    const letters = fc.constantFrom('a', 'b', '/', ':', '*', '\n');
    const pattern = fc.string({ unit: letters, maxLength: 8 });
    const text = fc.string({ unit: letters, maxLength: 10 });
    fc.assert(
      fc.property(pattern, text, (one, other) => {
        assert.equal(matchesPattern(one, other), means(one, other));
      }),
      { numRuns: 5000 },
    );
  });

  it('comes to an end with patterns made to have every way tried', () => {
    const text = 'a'.repeat(1024);
    assert.equal(matchesPattern(`${'*a'.repeat(511)}b`, text), false);
    assert.equal(matchesPattern(`${'**a'.repeat(341)}b`, text), false);
    assert.equal(matchesPattern('a*'.repeat(512), text), true);
  });
});

describe('matchesRule', () => {
  const rule: FederationRule = { id: 'r', issuer: github, claims: { repository: 'octo-org/*' } };
  const job = (
    claims: Record<string, unknown>,
    audiences: readonly string[] = ours.slice(0, 1),
    issuer = github,
  ) => {
    const { sub, ...rest } = claims;
    const texts = Object.entries(rest).map(([name, value]) => [name, String(value)]);
    const all = Object.fromEntries(texts);
    return { kind: 'federated', issuer, subject: String(sub), audiences, claims: all } as const;
  };
  const main = 'repo:octo-org/octo-repo:ref:refs/heads/main';

  const rows: readonly (readonly [
    what: string,
    matches: boolean,
    rule: Partial<FederationRule>,
    principal: ReturnType<typeof job>,
  ])[] = [
    ['a job of the organization', true, {}, job(githubClaims())],
    ['an audience that is the host alone', true, {}, job(githubClaims(), [host])],
    ['the audience among others', true, {}, job(githubClaims(), ['x', host])],
    [
      'the audience that the rule names',
      true,
      { audience: 'https://github.com/octo-org' },
      job(githubClaims(), ['https://github.com/octo-org']),
    ],
    ['a condition on the subject', true, { claims: { sub: main } }, job(githubClaims())],
    [
      'several conditions',
      true,
      { claims: { repository: 'octo-org/octo-repo', ref: 'refs/heads/*', event_name: 'push' } },
      job(githubClaims()),
    ],
    [
      'a tag of GitLab',
      true,
      {
        issuer: 'https://gitlab.example.com',
        claims: { project_path: 'my-group/**', ref_type: 'tag', ref_protected: 'true' },
      },
      job(gitlabClaims({ ref: 'v1', tag: true }), ours, 'https://gitlab.example.com'),
    ],
    ['no condition', true, { claims: {} }, job(githubClaims())],

    ['a job of another organization', false, {}, job(githubClaims({ repository: 'evil/repo' }))],
    ['one that begins alike', false, {}, job(githubClaims({ repository: 'octo-org-evil/repo' }))],
    ['a fork', false, {}, job(githubClaims({ repository: 'evil/octo-repo' }))],
    ['GitHub’s own audience', false, {}, job(githubClaims(), ['https://github.com/octo-org'])],
    ['another registry’s audience', false, {}, job(githubClaims(), ['https://other.example.com'])],
    ['our audience with a slash', false, {}, job(githubClaims(), [`https://${host}/`])],
    ['our audience without TLS', false, {}, job(githubClaims(), [`http://${host}`])],
    ['our audience in capitals', false, {}, job(githubClaims(), [host.toUpperCase()])],
    ['no audience', false, {}, job(githubClaims(), [])],
    ['ours where the rule names one', false, { audience: 'a' }, job(githubClaims(), ours)],
    ['an audience that only begins so', false, { audience: 'a' }, job(githubClaims(), ['ab'])],
    [
      'an audience that would be a pattern',
      false,
      { audience: 'https://*' },
      job(githubClaims(), ['https://x']),
    ],
    ['another issuer', false, {}, job(githubClaims(), ours, 'https://evil.example.com')],
    ['the issuer with a slash', false, {}, job(githubClaims(), ours, `${github}/`)],
    ['the issuer with a path', false, {}, job(githubClaims(), ours, `${github}/octo-org`)],
    ['the issuer in capitals', false, {}, job(githubClaims(), ours, github.toUpperCase())],
    [
      'a pull request where a branch is meant',
      false,
      { claims: { sub: 'repo:octo-org/octo-repo:ref:**' } },
      job(githubClaims({ event: 'pull_request' })),
    ],
    [
      'an environment that is named like a branch',
      false,
      { claims: { sub: 'repo:octo-org/*:ref:refs/heads/main' } },
      job({ sub: 'repo:octo-org/octo-repo:environment:x:ref:refs/heads/main' }),
    ],
    [
      'one of several conditions that fails',
      false,
      { claims: { repository: 'octo-org/octo-repo', ref: 'refs/heads/main' } },
      job(githubClaims({ ref: 'refs/heads/evil' })),
    ],
    ['a claim that the token lacks', false, { claims: { environment: '**' } }, job(githubClaims())],
    ['a claim that all objects have', false, { claims: { toString: '**' } }, job(githubClaims())],
    ['a claim sub that is not the subject', false, { claims: { sub: main } }, job({ sub: 'x' })],
    [
      'an unprotected branch of GitLab',
      false,
      { issuer: 'https://gitlab.example.com', claims: { ref_protected: 'true' } },
      job(gitlabClaims({ isProtected: false }), ours, 'https://gitlab.example.com'),
    ],
  ];
  for (const [what, matches, difference, principal] of rows) {
    it(`${matches ? 'means' : 'does not mean'} ${what}`, () => {
      assert.equal(matchesRule({ ...rule, ...difference }, principal, ours), matches);
    });
  }
});

describe('parseFederationRule', () => {
  const least = { issuer: 'https://ci.example.com', claims: { sub: 'a' } };
  const parse = (value: unknown, privateIssuers: readonly string[] = []) =>
    parseFederationRule(value, 'team', privateIssuers);

  it('takes a rule with all it may have, as it is', () => {
    const rule = {
      id: 'release',
      issuer: github,
      audience: 'https://github.com/octo-org',
      claims: { repository: 'octo-org/*', ref: 'refs/tags/v*' },
      role: 'writer',
      prefix: 'team/backend',
    };
    assert.deepEqual(parse(rule), rule);
  });

  it('gives one without an id the same each time, and another to another', () => {
    const { id, ...rest } = parse(least);
    assert.deepEqual(rest, least);
    assert.match(id, /^rule-[0-9a-f]{12}$/);
    assert.equal(parse({ claims: { sub: 'a' }, issuer: least.issuer }).id, id);
    assert.notEqual(parse({ ...least, claims: { sub: 'b' } }).id, id);
  });

  it('takes issuers with a path, a port, and a slash that is part of the name', () => {
    for (const issuer of [
      'https://ci.example.com/realms/team',
      'https://ci.example.com:8443',
      'https://tenant.example.com/',
    ]) {
      assert.equal(parse({ issuer }).issuer, issuer);
    }
  });

  it('takes of private issuers the operator’s alone', () => {
    const own = ['http://gitlab.lan:8080', 'https://10.1.2.3'];
    for (const issuer of own) assert.equal(parse({ issuer }, own).issuer, issuer);
    assert.throws(() => parse({ issuer: 'http://gitlab.lan:8081' }, own));
    assert.throws(() => parse({ issuer: 'http://gitlab.lan:8080/' }, own));
  });

  const refused: readonly (readonly [what: string, value: unknown, message: RegExp])[] = [
    ['nothing', undefined, /^a rule /],
    ['a list', [], /./],
    ['a text', 'x', /^a rule /],
    ['no issuer', {}, /^issuer /],
    ['an issuer that is no text', { issuer: 1 }, /^issuer must be text/],
    ['more than a rule has', { ...least, admin: true }, /^admin /],
    ['an id with a slash', { ...least, id: 'a/b' }, /^id must be/],
    ['an id with capitals', { ...least, id: 'A' }, /^id must be/],
    ['an empty id', { ...least, id: '' }, /^id must be/],
    ['a long id', { ...least, id: 'a'.repeat(65) }, /^id must be at most 64/],
    ['an empty audience', { ...least, audience: '' }, /^audience must not be empty/],
    ['a list of audiences', { ...least, audience: ['a'] }, /^audience must be text/],
    ['a role that is none', { ...least, role: 'admin' }, /^role must be owner, writer or reader/],
    ['another project’s prefix', { ...least, role: 'reader', prefix: 'other/x' }, /^prefix must/],
    ['a prefix alike', { ...least, role: 'reader', prefix: 'team2' }, /^prefix must/],
    ['a prefix with a slash', { ...least, role: 'reader', prefix: 'team/' }, /^prefix must/],
    ['a prefix that goes up', { ...least, role: 'reader', prefix: 'team/../x' }, /^prefix must/],
    ['a prefix for no role', { ...least, prefix: 'team/x' }, /^prefix limits the rule’s role/],
    ['a claim that is no text', { ...least, claims: { a: 1 } }, /^claims\.a must be a pattern/],
    ['a claim that may be nothing', { ...least, claims: { a: '' } }, /^claims\.a must not be/],
    ['claims as a list', { ...least, claims: ['a'] }, /^claims/],
    ['a long pattern', { ...least, claims: { a: 'a'.repeat(1025) } }, /at most 1024/],
    [
      'a pattern with too many wildcards',
      { ...least, claims: { a: '*a'.repeat(17) } },
      /^claims\.a must have at most 16 wildcards/,
    ],
    ['a claim with a strange name', { ...least, claims: { 'a b': 'x' } }, /must be named by/],
    ['a claim with a long name', { ...least, claims: { ['a'.repeat(65)]: 'x' } }, /must be named/],
    [
      'too many claims',
      {
        ...least,
        claims: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`c${n}`, 'x'])),
      },
      /^claims must be at most 20/,
    ],
    [
      'a condition that a schema would drop',
      JSON.parse('{"issuer":"https://ci.example.com","claims":{"__proto__":"x"}}'),
      /^claims\.__proto__ cannot be a condition/,
    ],
    [
      'the other one',
      JSON.parse('{"issuer":"https://ci.example.com","claims":{"constructor":"x"}}'),
      /^claims\.constructor cannot/,
    ],
    [
      'the audience as a claim',
      { ...least, claims: { aud: 'x' } },
      /^claims\.aud .* the rule’s audience is/,
    ],
    ['the issuer as a claim', { ...least, claims: { iss: 'x' } }, /^claims\.iss cannot/],
  ];
  for (const [what, value, message] of refused) {
    it(`refuses ${what}, and says so`, () => {
      assert.throws(() => parse(value), {
        name: 'RegistryError',
        code: 'UNSUPPORTED',
        status: 400,
        message,
      });
    });
  }

  const issuers: readonly (readonly [issuer: string, message: RegExp])[] = [
    ['', /must be a URL/],
    ['ci.example.com', /must be a URL/],
    ['https://', /must be a URL/],
    ['http://ci.example.com', /must begin with https/],
    ['ftp://ci.example.com', /must begin with https/],
    ['file:///etc/passwd', /must begin with https/],
    ['https://ci.example.com?x', /no query/],
    ['https://ci.example.com/?', /no query/],
    ['https://ci.example.com/#', /no query and no fragment/],
    ['https://user@ci.example.com', /no user name/],
    ['https://user:secret@ci.example.com', /no user name/],
    [`https://ci.example.com/${'a'.repeat(240)}`, /at most 256 characters/],
    ['https://CI.example.com', /usual form: https:\/\/ci\.example\.com/],
    ['https://ci.example.com:443', /usual form/],
    ['https://ci.example.com/a/../b', /usual form/],
    ['https://ci.example.com\\b', /usual form/],
    [' https://ci.example.com', /usual form/],
    ['https://ci.example.com\n', /usual form/],
    ['https://cı.example.com', /usual form/],
    ['https:ci.example.com', /usual form/],
    ['https://localhost', /public internet/],
    ['https://localhost:5000/a', /public internet/],
    ['https://ci.localhost', /public internet/],
    ['https://printer.local', /public internet/],
    ['https://metadata.google.internal', /public internet/],
    ['https://metadata', /public internet/],
    ['https://ci.example.com.', /public internet/],
    ['https://127.0.0.1', /public internet/],
    ['https://8.8.8.8', /public internet/],
    ['https://2130706433', /public internet/],
    ['https://0x7f000001', /public internet/],
    ['https://0177.0.0.1', /public internet/],
    ['https://127.1', /public internet/],
    ['https://0', /public internet/],
    ['https://１２７.0.0.1', /public internet/],
    ['https://169.254.169.254/computeMetadata/v1', /public internet/],
    ['https://[::1]', /public internet/],
    ['https://[::ffff:127.0.0.1]', /public internet/],
    ['https://[fd00::1]', /public internet/],
    ['https://[2606:4700:4700::1111]', /public internet/],
  ];
  for (const [issuer, message] of issuers) {
    it(`refuses the issuer ${JSON.stringify(issuer.slice(0, 60))}, and says so`, () => {
      assert.throws(() => parse({ issuer, claims: { sub: 'a' } }), {
        code: 'UNSUPPORTED',
        status: 400,
        message,
      });
    });
  }

  it('never tells a password that stands in an issuer', () => {
    assert.throws(
      () => parse({ issuer: 'https://user:hunter2@ci.example.com' }),
      (error: unknown) => error instanceof Error && !error.message.includes('hunter2'),
    );
  });

  const everyones: readonly (readonly [issuer: string, claims: Record<string, string>])[] = [
    [github, {}],
    [`${github}/`, {}],
    [github, { ref: 'refs/heads/main' }],
    [github, { event_name: 'push', ref_protected: 'true' }],
    [github, { repository: '**' }],
    [github, { repository: '*/octo-repo' }],
    [github, { repository: 'octo*/octo-repo' }],
    [github, { repository_owner: 'octo-*' }],
    [github, { repository_owner_id: '12*' }],
    [github, { sub: 'repo:*' }],
    [github, { sub: 'repo:octo-org*/octo-repo:**' }],
    [github, { sub: '**' }],
    // Everyone may shape the subject of their own jobs, and call a public workflow.
    [github, { sub: 'environment:production:**' }],
    [github, { sub: 'ref:refs/heads/main' }],
    [github, { job_workflow_ref: 'octo-org/workflows/.github/workflows/x.yml@refs/heads/main' }],
    ['https://gitlab.com', {}],
    ['https://gitlab.com', { ref_protected: 'true' }],
    ['https://gitlab.com', { sub: 'project_path:*/app:**' }],
    ['https://accounts.google.com', {}],
    ['https://accounts.google.com', { email: 'ci@*' }],
    ['https://accounts.google.com', { sub: '1*' }],
    ['https://oidc.circleci.com', {}],
    ['https://agent.buildkite.com', {}],
    ['https://agent.buildkite.com', { build_branch: 'main' }],
    ['https://app.terraform.io', {}],
    ['https://oauth2.sigstore.dev/auth', {}],
  ];
  for (const [issuer, claims] of everyones) {
    it(`refuses everyone at ${issuer} with ${JSON.stringify(claims)}, and says why`, () => {
      assert.throws(() => parse({ issuer, claims }), {
        code: 'UNSUPPORTED',
        status: 400,
        message: /anyone could come.*such as \{"/,
      });
    });
  }

  it('takes those who name whose jobs they mean', () => {
    for (const [issuer, claims] of [
      [github, { repository: 'octo-org/*', ref: 'refs/heads/main' }],
      [github, { repository_owner_id: '65' }],
      [github, { sub: 'repo:octo-org/octo-repo:**' }],
      [github, { sub: 'repo:octo-org@*/octo-repo@*:**' }],
      [github, { sub: 'repository_owner:octo-org:environment:*' }],
      // An enterprise's own issuer has no one else's jobs.
      [`${github}/octocat-inc`, {}],
      ['https://gitlab.com', { project_path: 'my-group/**', ref_protected: 'true' }],
      ['https://gitlab.com', { sub: 'project_path:my-group/*:ref_type:branch:ref:main' }],
      ['https://accounts.google.com', { hd: 'example.com' }],
      ['https://oidc.circleci.com/org/0f3a', {}],
      ['https://agent.buildkite.com', { sub: 'organization:acme:pipeline:**' }],
    ] as const) {
      assert.deepEqual(parse({ issuer, claims }).claims, claims);
    }
  });

  it('takes any JSON for a rule or refuses it with what is wrong, and nothing else', () => {
    const part = fc.constantFrom('issuer', 'claims', 'audience', 'role', 'prefix', 'id', 'other');
    const json = fc.jsonValue({ maxDepth: 2 });
    const like = fc.dictionary(part, fc.oneof(json, fc.webUrl(), fc.string()));
    fc.assert(
      fc.property(fc.oneof(like, json), (value) => {
        try {
          assert.equal(typeof parse(value).id, 'string');
        } catch (error) {
          assert.ok(error instanceof Error && error.name === 'RegistryError');
          assert.ok(error.message.length < 1000);
        }
      }),
    );
  });
});
