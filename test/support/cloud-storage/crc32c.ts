// CRC32C, the checksum that every object has, and how those of two halves make that of the whole.

import { createCRC32, type IHasher } from 'hash-wasm';

/** Castagnoli's polynomial, its lowest term first. */
const polynomial = 0x82f63b78;

/** A running CRC32C. */
export async function startCrc32c(): Promise<IHasher> {
  const hasher = await createCRC32(polynomial);
  return hasher.init();
}

/** As the API writes it: base64 of the four bytes, the highest first. */
export function crc32cText(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/**
 * The CRC32C of `first` followed by `second`, of which only the checksums and the second's length are known:
 * the first one moved by that many bytes, which is a multiplication by x^(8 · length), added to the second.
 */
export function joinCrc32c(first: number, second: number, secondBytes: number): number {
  return (times(first, powerOfX8(secondBytes)) ^ second) >>> 0;
}

/** x^(8 · bytes) modulo the polynomial. The highest bit is x^0. */
function powerOfX8(bytes: number): number {
  let power = 0x80000000;
  let square = 0x00800000;
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = times(power, square);
    square = times(square, square);
  }
  return power;
}

/** The product of two polynomials modulo ours. */
function times(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}
