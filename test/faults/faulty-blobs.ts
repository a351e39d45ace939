// The blobs port, with faults.

import type { Blobs, StoredObject } from '#shared/ports/blobs.ts';
import type { Fault, Faults } from './faults.ts';

type Bytes = AsyncIterable<Uint8Array>;

export function faultyBlobs(blobs: Blobs, faults: Pick<Faults, 'strike'>): Blobs {
  const reading = async <T>(what: string, read: () => Promise<T>): Promise<T> => {
    const fault = faults.strike('read', what);
    const found = await read();
    if (fault !== undefined) throw fault.error;
    return found;
  };
  return {
    replaces: blobs.replaces,
    write: (name, body, options) => {
      const fault = faults.strike('write', 'write');
      const sent = fault?.fate === 'breaks off' ? breakingOff(body, fault.error) : body;
      return made(fault, () => blobs.write(name, sent, options));
    },
    compose: (sources, name, options) =>
      made(faults.strike('compose', 'compose'), () => blobs.compose(sources, name, options)),
    stat: (name) => reading('stat', () => blobs.stat(name)),
    read: async (name, range) => {
      const fault = faults.strike('bytes', 'read');
      const object = await blobs.read(name, range);
      if (fault === undefined) return object;
      // Where there is nothing, it is the call that fails.
      if (fault.fate === 'refused' || object === undefined) throw fault.error;
      return { ...object, bytes: breakingOff(object.bytes, fault.error) };
    },
    readUrl: (name, options) => reading('readUrl', () => blobs.readUrl(name, options)),
    delete: async (name, options) => {
      const fault = faults.strike('delete', 'delete');
      if (fault?.fate === 'refused') throw fault.error;
      const deleted = await blobs.delete(name, options);
      if (fault?.fate === 'answer lost') throw fault.error;
      // The repeated call finds nothing to delete any more.
      return fault === undefined && deleted;
    },
    list: (prefix) => blobs.list(prefix),
  };
}

async function made(
  fault: Fault<'write' | 'compose'> | undefined,
  make: () => Promise<StoredObject | undefined>,
): Promise<StoredObject | undefined> {
  if (fault?.fate === 'refused' || fault?.fate === 'full') throw fault.error;
  const stored = await make();
  if (fault?.fate === 'answer lost') throw fault.error;
  return fault?.fate === 'meets its own' ? undefined : stored;
}

/** A little of the bytes, and then the failure. */
async function* breakingOff(bytes: Bytes, error: Error): Bytes {
  for await (const piece of bytes) {
    yield piece.subarray(0, Math.ceil(piece.length / 2));
    break;
  }
  throw error;
}
