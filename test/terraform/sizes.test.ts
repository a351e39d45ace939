// What an instance has is enough for what it is let do.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { targetNames, targets } from '#functions/targets.ts';
import { headerBytesMax } from '#shared/oci/limits.ts';
import { parseHcl, terraformRoot, withoutPackages } from './hcl.ts';

/** The platform's, for a request to a function. */
const bodyMib = 32;
/** Of a function that nobody asks anything, all of Node. */
const functionMib = 130;

const skip = withoutPackages();

describe('what instances have', { skip }, () => {
  interface Size {
    readonly public: boolean;
    readonly memory: string;
    readonly concurrency: number;
  }
  interface Locals {
    readonly public: Size;
    readonly internal: Size;
    readonly functions: Readonly<Record<string, string>>;
    readonly sizes: Readonly<Record<string, unknown>>;
    readonly environment: Readonly<Record<string, string>>;
  }
  let functions: Locals;
  let services: Locals;

  before(async () => {
    const read = async (module: string) => {
      const file = join(terraformRoot, 'modules', module, 'sizes.tf');
      const { locals } = await parseHcl(file, await readFile(file, 'utf8'));
      return (locals as [Locals])[0];
    };
    functions = await read('functions');
    services = await read('streaming-services');
  });

  it('is there for each function, by where it runs', () => {
    const on = (host: string) => targetNames.filter((name) => targets[name].host === host);
    assert.deepEqual(new Set(Object.keys(functions.functions)), new Set(on('framework')));
    assert.deepEqual(new Set(Object.keys(services.sizes)), new Set(on('streaming')));
  });

  it('holds as many of the greatest bodies as there may be requests at once', () => {
    const { memory, concurrency, public: isPublic } = functions.public;
    assert.ok(isPublic);
    assert.equal(memory, '1Gi');
    assert.ok(concurrency * bodyMib + functionMib <= 1024);
    // No function that clients ask is let do more at once, or has less memory.
    for (const [name, own] of Object.entries(functions.functions)) {
      if (!own.includes('local.public')) continue;
      assert.doesNotMatch(own, /^ +(concurrency|memory|public) +=/m, name);
    }
  });

  it('takes headers as long as the code does', () => {
    const option = `--max-http-header-size=${headerBytesMax}`;
    assert.equal(functions.environment['NODE_OPTIONS'], option);
    assert.equal(services.environment['NODE_OPTIONS'], option);
  });
});
