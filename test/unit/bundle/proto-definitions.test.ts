import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onlyMethods } from '#infra/bundle/proto-definitions.ts';

const field = (type: string) => ({ one: { type } });
const method = (requestType: string, responseType: string) => ({ requestType, responseType });

const Timestamp = { fields: field('int64') };
const Order = { fields: field('.other.Timestamp'), nested: { Never: { fields: {} } } };
const Query = { fields: field('Order'), nested: { Order } };
const Kind = { values: { A: 0 } };
const v1 = {
  Store: { methods: { Read: method('Query', 'Found'), Watch: method('Watched', 'Found') } },
  Query,
  Found: { fields: { ...field('Kind'), again: { type: 'Found' } } },
  Kind,
  // Of the same name as the one within Query, which is nearer.
  Order: { fields: {} },
  Watched: { fields: {} },
};
const definitions = {
  nested: { store: { nested: { v1: { nested: v1 } } }, other: { nested: { Timestamp, v1: Kind } } },
};

describe('the definitions of some methods', () => {
  it('are the methods with the messages that they take and give, and those that these hold', () => {
    const { nested: _, ...order } = Order;
    assert.deepEqual(onlyMethods(definitions, 'store.v1.Store', ['Read']), {
      nested: {
        store: {
          nested: {
            v1: {
              nested: {
                Store: { methods: { Read: method('Query', 'Found') } },
                Query: { fields: Query.fields, nested: { Order: order } },
                Found: v1.Found,
                Kind,
              },
            },
          },
        },
        other: { nested: { Timestamp } },
      },
    });
  });

  it('are not to be had of a method that is not there', () => {
    assert.throws(
      () => onlyMethods(definitions, 'store.v1.Store', ['Read', 'Write']),
      /there is no method store\.v1\.Store\.Write/,
    );
    assert.throws(() => onlyMethods(definitions, 'store.v2.Store', ['Read']), /no method/);
  });
});
