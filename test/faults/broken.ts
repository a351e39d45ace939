// Registries that are wrong, by what is wrong with them: the runs must find each of them out.

import type { Broken } from './caller.ts';

export const brokenRegistries: Readonly<Record<string, Broken>> = {
  'takes a transaction that failed for one that went well': (ports) => ({
    ...ports,
    documents: {
      ...ports.documents,
      transact: async (body) => {
        const answers: Awaited<ReturnType<typeof body>>[] = [];
        const transacted = ports.documents.transact(async (transaction) => {
          const answer = await body(transaction);
          answers.push(answer);
          return answer;
        });
        return transacted.catch((error: unknown) => {
          const [answer] = answers;
          if (answers.length === 0) throw error;
          return answer as Awaited<typeof transacted>;
        });
      },
    },
  }),

  'takes a read that failed for one that found nothing': (ports) => ({
    ...ports,
    documents: {
      ...ports.documents,
      get: (key) => ports.documents.get(key).catch(() => undefined),
    },
  }),

  'takes an object whose write failed for one that is there': (ports) => ({
    ...ports,
    blobs: {
      ...ports.blobs,
      write: (name, body, options) =>
        ports.blobs.write(name, body, options).catch(() => ({ size: 37, generation: '1' })),
    },
  }),

  'changes what it does not write down': (ports) => ({
    ...ports,
    documents: {
      ...ports.documents,
      transact: (body) =>
        ports.documents.transact((transaction) =>
          body({
            ...transaction,
            set: (key, value, options) => {
              if (key[2] !== 'audits') transaction.set(key, value, options);
            },
          }),
        ),
    },
  }),

  'takes events that were not published for told': (ports) => ({
    ...ports,
    events: {
      publish: (...published) => ports.events.publish(...published).catch(() => undefined),
    },
  }),
};
