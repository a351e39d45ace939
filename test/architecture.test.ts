// The house holds: arrows go one way, and what is written twice says the same.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, it } from 'node:test';
import { routes } from '#functions/routes.ts';
import { functionSettings } from '#functions/settings.ts';
import { targetNames } from '#functions/targets.ts';
import { settings } from '#infra/local/settings.ts';
import { costTable } from './google/costs.ts';
import { estimateTable } from './google/estimate.ts';

const root = join(import.meta.dirname, '..');

/** Folder → the folders it may import from. Node's own modules and the packages below are apart. */
const mayImport: Record<string, readonly string[]> = {
  'shared/oci': [],
  'shared/ports': [],
  'shared/http': ['shared/oci'],
  'shared/audit': ['shared/oci', 'shared/ports'],
  'shared/auth': ['shared/oci', 'shared/ports', 'shared/http', 'shared/audit'],
  'shared/registry': ['shared/oci', 'shared/ports', 'shared/audit'],
  'shared/mirror': ['shared', 'shared/oci', 'shared/ports', 'shared/http', 'shared/registry'],
  'shared/embedded': ['shared/ports'],
  'shared/google': ['shared/ports'],
  shared: [],
  functions: [
    'shared',
    'shared/oci',
    'shared/ports',
    'shared/http',
    'shared/auth',
    'shared/audit',
    'shared/registry',
    'shared/mirror',
    'shared/google',
  ],
  infra: [
    'functions',
    'shared',
    'shared/oci',
    'shared/http',
    'shared/audit',
    'shared/auth',
    'shared/ports',
    'shared/embedded',
    'shared/google',
    'shared/registry',
    'shared/mirror',
  ],
  // What people begin with who write their own: it knows nothing of the registry's code.
  examples: [],
  // What people install. It is a package of its own, and none of the registry's code is in it.
  'infra/client': [],
};

/** Package → the folders that may use it. */
const packageHomes: Record<string, readonly string[]> = {
  '@google-cloud/firestore': ['shared/google'],
  '@google-cloud/functions-framework': ['functions'],
  '@google-cloud/pubsub': ['shared/google'],
  '@google-cloud/storage': ['shared/google'],
  '@valibot/to-json-schema': ['infra'],
  'google-auth-library': ['shared/google'],
  commander: ['infra/client'],
  esbuild: ['infra', 'infra/client'],
  fflate: ['infra'],
  'hash-wasm': ['shared/oci', 'shared/google'],
  jose: ['shared/auth', 'infra', 'examples'],
  oauth4webapi: ['shared/auth'],
  preact: ['functions'],
  'preact-render-to-string': ['functions'],
  'prom-client': ['infra'],
  valibot: [
    'shared',
    'shared/oci',
    'shared/auth',
    'shared/registry',
    'shared/mirror',
    'functions',
    'infra',
  ],
};

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|js)$/.test(file) && !/(^|\/)(dist|node_modules)\//.test(file))
    .map((file) => join(folder, file));
}

/** The part of the house a file lies in: two levels in shared/ and of infra/client/, one elsewhere. */
function partOf(file: string): string {
  const [top = '', second = ''] = file.split('/');
  const hasParts = top === 'shared' || second === 'client';
  return hasParts && !second.includes('.') ? `${top}/${second}` : top;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^'\n]+)'/gm);
  const calls = text.matchAll(/\bimport\('([^'\n]+)'\)/g);
  return [...statements, ...calls].map(([, specifier = '']) => specifier);
}

const files = ['functions', 'shared', 'infra', 'examples'].flatMap(sourceFiles);
const sources = [...files, ...sourceFiles('test')];
const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('the house', () => {
  it('lets each folder import only what lies below it', () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        const target = specifier.startsWith('#')
          ? specifier.slice(1)
          : specifier.startsWith('.')
            ? normalize(join(dirname(file), specifier))
            : undefined;
        if (target === undefined) continue;
        const [from, to] = [partOf(file), partOf(target)];
        if (from !== to && !mayImport[from]?.includes(to)) wrong.push(`${file} imports ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('keeps each package where it belongs', () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        if (/^(#|\.|node:)/.test(specifier)) continue;
        const [name = ''] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
        if (!packageHomes[name]?.includes(partOf(file))) wrong.push(`${file} imports ${specifier}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('bundles as CommonJS: no import.meta and no top-level await in functions/ and shared/', () => {
    const wrong = files
      .filter((file) => !/^(infra|examples)\//.test(file))
      .filter((file) =>
        /import\.meta|^await |^export const \w+ = await /m.test(
          readFileSync(join(root, file), 'utf8'),
        ),
      );
    assert.deepEqual(wrong, []);
  });

  it('has no file that only restates its folder, and no drawer for what has no name', () => {
    const drawers = sources.filter((file) =>
      /(^|\/)(utils?|helpers?|common|misc|manager|types)(\.|\/)/.test(file),
    );
    assert.deepEqual(drawers, []);
  });

  it('keeps files short enough to be read at once', () => {
    const long = files.filter(
      (file) => readFileSync(join(root, file), 'utf8').split('\n').length > 400,
    );
    assert.deepEqual(long, []);
  });
});

/** A file and all that is loaded with it. What is imported by a call is loaded when the call is made. */
function loadedWith(file: string, loaded: Set<string> = new Set()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, specifier = ''] of text.matchAll(
    /^import (?!type )(?:[^;]*? from )?'([^'\n]+)'/gm,
  )) {
    if (specifier.startsWith('#')) loadedWith(specifier.slice(1), loaded);
    else if (specifier.startsWith('.'))
      loadedWith(normalize(join(dirname(file), specifier)), loaded);
    else loaded.add(specifier);
  }
  return loaded;
}

describe('a function that starts', () => {
  const heavy = ['jose', 'hash-wasm', '@google-cloud/firestore', '@google-cloud/storage'];
  const hosts = {
    token: 'framework',
    manifests: 'framework',
    blobs: 'framework',
    discovery: 'framework',
    console: 'framework',
    uploads: 'streaming',
    mirror: 'streaming',
    admin: 'streaming',
  };
  for (const [name, host] of Object.entries(hosts)) {
    it(`loads its own code, and none of another's: ${name}`, () => {
      const actions = routes.filter(({ run }) => run.startsWith(`${name}/`));
      const loaded = new Set([
        ...loadedWith(`functions/${host}.ts`),
        ...actions.flatMap(({ run }) => [...loadedWith(`functions/${run}.ts`)]),
      ]);
      const others = [...loaded].filter(
        (file) => /^functions\/\w+\//.test(file) && !file.startsWith(`functions/${name}/`),
      );
      assert.deepEqual(others, []);
      assert.ok(loaded.has('functions/serve.ts') && loaded.has('shared/oci/errors.ts'));
      assert.deepEqual(
        heavy.filter((one) => loaded.has(one)),
        [],
      );
      if (host === 'streaming') assert.ok(!loaded.has('@google-cloud/functions-framework'));
    });
  }
});

describe('the route table', () => {
  it('names for every route a file that answers it, and that is what is loaded for it', () => {
    const actions = readFileSync(join(root, 'functions/actions.ts'), 'utf8');
    for (const { run } of routes) {
      assert.ok(existsSync(join(root, 'functions', `${run}.ts`)), run);
      assert.ok(actions.includes(`'${run}': async () => (await import('./${run}.ts'))`), run);
    }
  });

  it('is the README’s table of endpoints', () => {
    for (const { id, methods, path, run } of routes) {
      if (path === '/v2' || path.endsWith('/uploads')) continue;
      assert.ok(
        readme.includes(
          `| ${id} | ${methods.join(', ')} | \`${path}\` | \`functions/${run}.ts\` |`,
        ),
        `the README has no row for ${id} ${path}`,
      );
    }
  });
});

describe('the settings', () => {
  it('are the README’s table', () => {
    for (const [name, { fallback, meaning }] of Object.entries(settings)) {
      const shown = fallback === '' ? '' : `\`${fallback}\``;
      assert.ok(
        readme.includes(`| \`${name}\` | ${shown} | ${meaning} |`),
        `the README has no row for ${name}`,
      );
    }
  });

  it('of the functions are the README’s, with who reads them', () => {
    for (const [name, setting] of Object.entries(functionSettings)) {
      const { meaning, readBy } = setting;
      const fallback = 'fallback' in setting ? setting.fallback : '';
      const shown = fallback === '' ? '' : `\`${fallback}\``;
      const readers = readBy.length === targetNames.length ? 'all' : readBy.join(', ');
      assert.ok(
        readme.includes(`| \`${name}\` | ${shown} | ${meaning} | ${readers} |`),
        `the README has no row for ${name}`,
      );
    }
  });

  it('are all the environment that infra/local reads', () => {
    const read = sourceFiles('infra').flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/process\.env(?:\.(\w+)|\[)/g)].map(() =>
        relative('infra', file),
      ),
    );
    assert.deepEqual(
      [...new Set(read)].filter((file) => !['local/start.ts', 'local/main.js'].includes(file)),
      [],
    );
  });
});

describe('what requests cost', () => {
  for (const [what, table] of [
    ['each', costTable()],
    ['a million', estimateTable()],
  ] as const) {
    it(`is the README’s table of ${what}`, () => {
      assert.ok(readme.includes(`\n\n${table}\n\n`), `the README is to have:\n\n${table}`);
    });
  }
});
