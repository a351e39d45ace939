// What stands in a request: names, digests, references and parameters, sound ones and those that are nearly so.

import type { Random } from './random.ts';

/** What requests are about. The same of a registry that runs, and of one that is only imagined. */
export interface Subject {
  readonly host: string;
  /** Repositories that the requests may write to, and those that they may not. */
  readonly names: readonly string[];
  readonly foreignNames: readonly string[];
  /** Of contents that are there. */
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
  readonly manifests: readonly {
    readonly digest: string;
    readonly size: number;
    readonly mediaType: string;
  }[];
  /** Addresses of upload sessions, path and query. */
  readonly sessions: readonly string[];
  readonly tokens: readonly string[];
  /** `username:password` */
  readonly credentials: readonly string[];
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const hex = '0123456789abcdef';

/** Text that breaks what takes text for granted. All of it may stand in a request line, percent-encoded or not. */
const hostileTexts = [
  ...['', '.', '..', '...', '%2e%2e', '%2E%2e%2F', '..%2f..%2f..%2fetc%2fpasswd', '%00', 'a%00b'],
  ...[
    '%',
    '%zz',
    '%u0041',
    '%c0%af',
    '%F0%9F',
    '%F0%9F%90%B3',
    '%ED%A0%80',
    '%EF%BB%BF',
    '%0d%0aX:%20y',
  ],
  ...[
    '\\',
    'a\\b',
    '~',
    '-',
    '_',
    ':',
    ';',
    '*',
    '@',
    '#',
    "'",
    '"',
    '`',
    '$(id)',
    '{name}',
    '<a>',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'null',
    'undefined',
    'NaN',
    '[object%20Object]',
  ],
  ...['0', '-1', '1e9', '0x10', '99999999999999999999', '%D9%A3', '+', '%20', '1%20', 'a+b'],
  ...[
    'CON',
    '.git',
    '-rf',
    'blobs',
    'uploads',
    'manifests',
    'tags',
    'list',
    'referrers',
    '_catalog',
    'token',
  ],
] as const;

export function hostileText(random: Random): string {
  const kind = random.below(10);
  if (kind === 0)
    return random
      .pick(['a', '.', '-', '/', '%2e', ':', '0'])
      .repeat(random.pick([64, 255, 256, 2000, 9000]));
  if (kind === 1) return random.text('/.:-_%~ab0', 1 + random.below(20));
  return random.pick(hostileTexts);
}

/** A text with one place of it changed. */
export function nearly(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  const rest = after.slice(1);
  switch (random.below(6)) {
    case 0:
      return before;
    case 1:
      return before + rest;
    case 2:
      return before + random.pick(['.', '/', '%', '%2f', ':', '-', '_', 'Z', '%00', '\\']) + after;
    case 3:
      return before + after.slice(0, 1).toUpperCase() + rest;
    case 4:
      return `${before}%${(after.charCodeAt(0) || 0x2f).toString(16).padStart(2, '0')}${rest}`;
    default:
      return `${before}${random.pick([...letters])}${rest}`;
  }
}

export function name(random: Random, { names, foreignNames }: Subject, sound: boolean): string {
  if (sound) return random.pick(names);
  switch (random.below(5)) {
    case 0:
      return random.pick(foreignNames);
    case 1:
      return nearly(random, random.pick([...names, ...foreignNames]));
    case 2:
      return `${random.pick(names)}/${hostileText(random)}`;
    case 3:
      // From a project of ours into another's, for whoever reads dots as a path.
      return `${random.pick(names)}/${random.pick(['..', '%2e%2e', '.%2e', '..%2f..', '%2e%2e%2f'])}/${random.pick(foreignNames)}`;
    default:
      return hostileText(random);
  }
}

export function digest(random: Random, { blobs, manifests }: Subject, sound: boolean): string {
  const known = random.pick([...blobs, ...manifests]).digest;
  if (sound) return known;
  switch (random.below(6)) {
    case 0:
      return `sha256:${random.text(hex, 64)}`;
    case 1:
      return `sha512:${random.text(hex, 128)}`;
    case 2:
      return known.toUpperCase();
    case 3:
      return `${random.pick(['md5', 'sha1', 'sha384', 'sha256', 'sha512', 'sha256+b64', 'SHA256', ''])}:${random.text(hex, random.pick([0, 1, 32, 63, 65, 127, 129, 4096]))}`;
    case 4:
      return known.replace(':', random.pick(['%3A', '%3a', '-', '::', '%253a', ';', '']));
    default:
      return nearly(random, known);
  }
}

export function reference(random: Random, subject: Subject, sound: boolean): string {
  if (sound) return random.chance(0.5) ? random.pick(subject.manifests).digest : tag(random);
  return random.chance(0.5)
    ? digest(random, subject, random.chance(0.3))
    : nearly(random, tag(random));
}

export function tag(random: Random): string {
  return random.pick([
    'latest',
    'v1',
    'v1.2.3-rc_1',
    '_',
    '0',
    'A.b-C_d',
    't'.repeat(128),
    `t${random.below(50)}`,
  ]);
}

/** The id of a session, with its `_state`, where the route names one; another's or a forged one when not sound. */
export function session(
  random: Random,
  { sessions }: Subject,
  sound: boolean,
): { id: string; state: string } {
  const address = random.pick(sessions);
  const other = random.pick(sessions);
  const { id, state } = splitSession(address);
  if (sound) return { id, state };
  switch (random.below(5)) {
    case 0:
      return { id, state: splitSession(other).state };
    case 1:
      return { id, state: nearly(random, state) };
    case 2:
      return {
        id,
        state: state.split('.').toSpliced(random.below(4), 1, hostileText(random)).join('.'),
      };
    case 3:
      return { id: nearly(random, id) || 'x', state };
    default:
      return { id: hostileText(random) || 'x', state: hostileText(random) };
  }
}

/** The repository, the id and the state of a session's address. */
export function splitSession(address: string): { of: string; id: string; state: string } {
  const [, of = '', id = '', state = ''] =
    /^\/v2\/(.+)\/blobs\/uploads\/([^/?]+)\?_state=(.*)$/.exec(address) ?? [];
  return { of, id, state };
}

export function scope(random: Random, subject: Subject, sound: boolean): string {
  const named = name(random, subject, sound);
  const actions = sound
    ? random.pick(['pull', 'pull,push', 'pull,push,delete', '*'])
    : random.pick([
        '',
        ',',
        'pull,',
        '*,*',
        'admin',
        'PULL',
        'pull push',
        ',,,,',
        'pull'.repeat(50),
      ]);
  const type = sound
    ? 'repository'
    : random.pick([
        'repository',
        'repository(plugin)',
        'registry',
        'Repository',
        '',
        '(',
        '((((',
        '__proto__',
      ]);
  return `${type}:${named}:${actions}`;
}

export function range(random: Random): string {
  const start = random.below(300);
  return random.pick([
    `bytes=${start}-`,
    `bytes=${start}-${start + random.below(300)}`,
    `bytes=-${start}`,
  ]);
}

export function hostileRange(random: Random): string {
  return random.pick([
    'bytes=',
    'bytes=-',
    'bytes=5-1',
    'bytes=99999999-',
    'bytes=0-0,2-2',
    'bytes=-0',
    'items=0-1',
    'bytes 0-1/*',
    '0-99999999999999999999',
    '9-1',
    '-5',
    '0-',
    'x-y',
    'bytes 0-4/3',
    `bytes=${'0-1,'.repeat(500)}`,
    '',
  ]);
}
