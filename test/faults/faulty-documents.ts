// The documents port, with faults.

import type { Documents, Transaction } from '#shared/ports/documents.ts';
import type { Fault, Faults } from './faults.ts';

export function faultyDocuments(documents: Documents, faults: Pick<Faults, 'strike'>): Documents {
  /** A read that fails: whether it was carried out makes no difference to anybody. */
  const reading = async <T>(what: string, read: () => Promise<T>): Promise<T> => {
    const fault = faults.strike('read', what);
    const found = await read();
    if (fault !== undefined) throw fault.error;
    return found;
  };
  return {
    get: (key) => reading('get', () => documents.get(key)),
    list: (options) => reading('list', () => documents.list(options)),
    names: (options) => reading('names', () => documents.names(options)),
    transact: (body) => transact(documents, body, faults.strike('transact', 'transact')),
  };
}

async function transact<R>(
  documents: Documents,
  body: (transaction: Transaction) => Promise<R>,
  fault: Fault<'transact'> | undefined,
): Promise<R> {
  switch (fault?.fate) {
    case undefined:
      return documents.transact(body);
    case 'refused':
    case 'full':
      throw fault.error;
    case 'undone':
      await undone(documents, body);
      throw fault.error;
    case 'run twice':
      await undone(documents, body);
      return documents.transact(body);
    case 'answer lost':
      await documents.transact(body);
      throw fault.error;
    case 'committed, then run again':
      await documents.transact(body);
      return documents.transact(body);
  }
}

/** Runs a transaction to its end and writes nothing. What its own body throws is its answer, as it would be. */
async function undone<R>(
  documents: Documents,
  body: (transaction: Transaction) => Promise<R>,
): Promise<void> {
  const undo = new Error('undone');
  try {
    await documents.transact(async (transaction) => {
      await body(transaction);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
}
