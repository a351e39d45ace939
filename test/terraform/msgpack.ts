// Values as Terraform and its providers send them to one another: MessagePack, of which it uses little, with an extension
// for what is not known yet. (docs/plugin-protocol/object-wire-format.md in hashicorp/terraform)

/** What is not known before it is applied; where more is known of it, that is kept as it came. */
export class Unknown {
  readonly encoded: Buffer;

  constructor(encoded: Buffer = Buffer.from([0xd4, 0x00, 0x00])) {
    this.encoded = encoded;
  }
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Unknown
  | readonly Value[]
  | { readonly [key: string]: Value };

/** @throws Error for what Terraform does not send */
export function decode(bytes: Buffer): Value {
  let at = 0;

  function length(size: 1 | 2 | 4): number {
    at += size;
    return bytes.readUIntBE(at - size, size);
  }

  function take(count: number): Buffer {
    at += count;
    return bytes.subarray(at - count, at);
  }

  function list(count: number): Value[] {
    return Array.from({ length: count }, () => next());
  }

  function map(count: number): Value {
    return Object.fromEntries(Array.from({ length: count }, () => [String(next()), next()]));
  }

  function extension(start: number, count: number): Unknown {
    at += 1 + count;
    return new Unknown(bytes.subarray(start, at));
  }

  function next(): Value {
    const start = at;
    const tag = length(1);
    if (tag < 0x80) return tag;
    if (tag < 0x90) return map(tag & 0x0f);
    if (tag < 0xa0) return list(tag & 0x0f);
    if (tag < 0xc0) return take(tag & 0x1f).toString();
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc7:
        return extension(start, length(1));
      case 0xc8:
        return extension(start, length(2));
      case 0xca:
        return take(4).readFloatBE();
      case 0xcb:
        return take(8).readDoubleBE();
      case 0xcc:
        return length(1);
      case 0xcd:
        return length(2);
      case 0xce:
        return length(4);
      case 0xcf:
        return take(8).readBigUInt64BE();
      case 0xd0:
        return take(1).readInt8();
      case 0xd1:
        return take(2).readInt16BE();
      case 0xd2:
        return take(4).readInt32BE();
      case 0xd3:
        return take(8).readBigInt64BE();
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return extension(start, 1 << (tag - 0xd4));
      case 0xd9:
        return take(length(1)).toString();
      case 0xda:
        return take(length(2)).toString();
      case 0xdb:
        return take(length(4)).toString();
      case 0xdc:
        return list(length(2));
      case 0xdd:
        return list(length(4));
      case 0xde:
        return map(length(2));
      case 0xdf:
        return map(length(4));
      default:
        throw new Error(`Terraform sends no MessagePack of tag ${tag}`);
    }
  }

  return next();
}

export function encode(value: Value): Buffer {
  if (value === null) return Buffer.from([0xc0]);
  if (value instanceof Unknown) return value.encoded;
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === 'bigint') return long(0xd3, (bytes) => bytes.writeBigInt64BE(value, 1));
  if (typeof value === 'number') {
    return Number.isSafeInteger(value)
      ? long(0xd3, (bytes) => bytes.writeBigInt64BE(BigInt(value), 1))
      : long(0xcb, (bytes) => bytes.writeDoubleBE(value, 1));
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([head(0xdb, text.length), text]);
  }
  if (Array.isArray(value)) return Buffer.concat([head(0xdd, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    head(0xdf, entries.length),
    ...entries.flatMap(([key, item]) => [encode(key), encode(item)]),
  ]);
}

function head(tag: number, count: number): Buffer {
  const bytes = Buffer.from([tag, 0, 0, 0, 0]);
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

function long(tag: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = tag;
  write(bytes);
  return bytes;
}
