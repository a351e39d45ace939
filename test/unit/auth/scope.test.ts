// Scopes: what clients write in all their ways, and what is left out.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatScope, parseScopes, type Scope } from '#shared/auth/scope.ts';

const anyScope: fc.Arbitrary<Scope> = fc.record(
  {
    type: fc.constantFrom('repository', 'registry', 'other'),
    name: fc.constantFrom('a', 'a/b', 'catalog', 'example.com/a', 'localhost:5000/a/b', '::', 'é'),
    actions: fc.array(fc.constantFrom('pull', 'push', 'delete', '*', 'x'), { maxLength: 4 }),
  },
  { noNullPrototype: true },
);

describe('parseScopes', () => {
  it('reads back what formatScope wrote, one in a parameter or several, joined by spaces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyScope, { maxLength: 4 }), { maxLength: 4 }),
        (parameters) => {
          const written = parameters.map((scopes) => scopes.map(formatScope).join(' '));
          assert.deepEqual(parseScopes(written), parameters.flat());
        },
      ),
    );
  });

  it('reads a resource class as its type, a host’s port as part of the name, and no empty action', () => {
    const repository = (name: string, ...actions: string[]) => ({
      type: 'repository',
      name,
      actions,
    });
    for (const [text, scope] of [
      ['repository:a/b:pull,push', repository('a/b', 'pull', 'push')],
      ['repository(plugin):a/b:pull', repository('a/b', 'pull')],
      ['repository:localhost:5000/a:pull', repository('localhost:5000/a', 'pull')],
      ['repository:a:', repository('a')],
      ['repository:a:,pull,,push,', repository('a', 'pull', 'push')],
      ['repository::pull', repository('', 'pull')],
      ['registry:catalog:*', { type: 'registry', name: 'catalog', actions: ['*'] }],
    ] as const) {
      assert.deepEqual(parseScopes([text]), [scope], text);
    }
  });

  it('leaves out what is no scope, and keeps those beside it', () => {
    for (const text of ['', ' ', ':', '::', ':a:pull', 'repository', 'repository:a', 'pull']) {
      assert.deepEqual(parseScopes([text]), [], text);
      const beside = parseScopes([`registry:catalog:* ${text}  repository:a:pull`, text]);
      assert.deepEqual(beside.map(formatScope), ['registry:catalog:*', 'repository:a:pull'], text);
    }
  });

  it('never throws, and never makes a scope of no type', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'repository:,()* /a') }),
    );
    fc.assert(
      fc.property(fc.array(text), (parameters) => {
        for (const { type, name, actions } of parseScopes(parameters)) {
          assert.ok(!type.includes(':') && !type.includes(' '));
          assert.ok(!name.includes(' '));
          assert.ok(actions.every((action) => action !== '' && !/[:, ]/.test(action)));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
