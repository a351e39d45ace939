// Passwords that people choose, and the hashes by which they are known. What people choose can be guessed: its hash is
// scrypt (RFC 7914), so that each guess costs 32 MiB and a twentieth of a second. What is random cannot: SHA-256 will do.

import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { RegistryError } from '../oci/errors.ts';
import {
  passwordBytesMax,
  scryptMemoryBytesMax,
  scryptRoundsMax,
  scryptsAtOnce,
  scryptsWaitingMax,
  verifiedPasswordSeconds,
  verifiedPasswordsMax,
} from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { RightSecrets } from './right-secrets.ts';

/** `ln` is the logarithm of scrypt's N, as in the PHC string format. */
type ScryptCost = { readonly ln: number; readonly r: number; readonly p: number };

type PasswordHash =
  | { readonly kind: 'sha256'; readonly hash: Buffer }
  | {
      readonly kind: 'scrypt';
      readonly cost: ScryptCost;
      readonly salt: Buffer;
      readonly hash: Buffer;
    };

export interface Passwords {
  /**
   * Whether a password is that of a hash, which {@link hashPassword} or {@link hashSecret} wrote. A hash that is none
   * has no password.
   * @throws RegistryError TOOMANYREQUESTS when more wait for their turn than may
   */
  verify(hash: string, password: string): Promise<boolean>;
}

const cost: ScryptCost = { ln: 15, r: 8, p: 1 };
const saltBytes = 16;
const hashBytes = 32;

/**
 * The hash of a password that somebody chose, salted: `scrypt:ln=15,r=8,p=1:SALT:HASH` in base64url.
 * @throws Error when it is longer than `passwordBytesMax` or has a NUL
 */
export async function hashPassword(password: string): Promise<string> {
  if (!isPassword(password)) {
    throw new Error(`a password has at most ${passwordBytesMax} bytes, and no NUL`);
  }
  const salt = randomBytes(saltBytes);
  const hash = await scryptOf(password, salt, cost);
  const { ln, r, p } = cost;
  return `scrypt:ln=${ln},r=${r},p=${p}:${salt.toString('base64url')}:${hash.toString('base64url')}`;
}

/** The hash of a secret that is random: `sha256:HEX`. */
export function hashSecret(secret: string): string {
  return `sha256:${sha256(secret).toString('hex')}`;
}

const scryptPattern = /^scrypt:ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2}):([\w-]{22,86}):([\w-]{43})$/;

/** Reads a hash; `undefined` when it is none, or would take more memory or time than one may. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(text) ?? [];
  if (hex !== undefined) return { kind: 'sha256', hash: Buffer.from(hex, 'hex') };
  const [, ln, r, p, salt = '', hash = ''] = scryptPattern.exec(text) ?? [];
  const read: ScryptCost = { ln: Number(ln), r: Number(r), p: Number(p) };
  // Where the text is no hash all of them are NaN, and nothing is within a limit. RFC 7914 section 2: N < 2^(128 · r / 8).
  const isScrypt = read.ln >= 1 && read.ln < 16 * read.r && read.p >= 1;
  const isCheap = read.p <= scryptRoundsMax && memoryBytes(read) <= scryptMemoryBytesMax;
  if (!isScrypt || !isCheap) return undefined;
  const bytes = (part: string) => Buffer.from(part, 'base64url');
  return { kind: 'scrypt', cost: read, salt: bytes(salt), hash: bytes(hash) };
}

/**
 * Verifies passwords, one for a process: `scryptsAtOnce` at once, so that guesses take neither its memory nor all of its
 * threads. What was verified is known for a minute, so that a client that shows its password with each request costs
 * one hash a minute.
 */
export function openPasswords(clock: Clock): Passwords {
  const turns = new Turns();
  const verified = new RightSecrets(clock, {
    seconds: verifiedPasswordSeconds,
    max: verifiedPasswordsMax,
  });
  const underWay = new Map<string, Promise<boolean>>();
  return {
    verify: async (text, password) => {
      const expected = parsePasswordHash(text);
      if (expected === undefined || !isPassword(password)) return false;
      if (expected.kind === 'sha256') return timingSafeEqual(sha256(password), expected.hash);
      const id = verified.idOf(text, password);
      if (verified.has(id)) return true;
      const same = underWay.get(id);
      if (same !== undefined) return same;
      const verifying = turns
        .take(() => scryptOf(password, expected.salt, expected.cost))
        .then((actual) => timingSafeEqual(actual, expected.hash))
        .finally(() => underWay.delete(id));
      underWay.set(id, verifying);
      const isRight = await verifying;
      if (isRight) verified.add(id);
      return isRight;
    },
  };
}

function sha256(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** HMAC, and scrypt with it, takes no notice of NULs at the end of a password; no client sends one (RFC 7617 section 2). */
function isPassword(text: string): boolean {
  return Buffer.byteLength(text) <= passwordBytesMax && !text.includes('\0');
}

/** RFC 7914 section 2: 128 · r bytes, N times. */
function memoryBytes({ ln, r }: ScryptCost): number {
  return 128 * r * 2 ** ln;
}

function scryptOf(password: string, salt: Buffer, of: ScryptCost): Promise<Buffer> {
  // Node's limit is on all that it takes, which is a little more than RFC 7914 counts.
  const maxmem = 2 * scryptMemoryBytesMax;
  const options: ScryptOptions = { N: 2 ** of.ln, r: of.r, p: of.p, maxmem };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

/** Lets so many go on at once, and the others in the order in which they came. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#taken < scryptsAtOnce) this.#taken += 1;
    else await this.#turn();
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= scryptsWaitingMax) {
      throw new RegistryError('TOOMANYREQUESTS', {
        message: 'too many logins at once: try again in a moment',
        headers: { 'Retry-After': '1' },
      });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
