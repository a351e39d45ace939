// What Cloud Build is given, checked here where there is no Cloud Build: that all it calls is there and takes what it is
// told, in the order that a release needs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { optionsOf, type Step, stepOf } from '#infra/release/arguments.ts';
import { unlessInstalled } from '#test/clients/client.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface BuildStep {
  readonly id: string;
  readonly name: string;
  readonly entrypoint?: string;
  readonly args: readonly string[];
}

interface Build {
  readonly steps: readonly BuildStep[];
  readonly substitutions: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, unknown>>;
}

const { scripts, devDependencies } = JSON.parse(read('package.json')) as {
  scripts: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
};

/** File → what it is called with beside what its substitutions are when nobody says anything. */
const files = ['cloudbuild.yaml', 'cloudbuild.rollback.yaml', 'infra/release/image.yaml'];

const inBuild = 'infra/release/in-build.sh';

/** What a step runs, without what makes it find its programs. */
function commandOf({ entrypoint, args }: BuildStep): readonly string[] {
  const command = [...(entrypoint === undefined ? [] : [entrypoint]), ...args];
  return command[0] === 'sh' && command[1] === inBuild ? command.slice(2) : command;
}

/** The step of `npm run release`, where it is one, and what it is told. */
function releaseStep(step: BuildStep) {
  const [program, file, ...rest] = commandOf(step);
  return program === 'node' && file === 'infra/release/main.ts' ? stepOf(rest) : undefined;
}

for (const file of files) {
  describe(file, () => {
    const text = read(file);
    const build = parse(text) as Build;

    it('says nothing that Cloud Build does not know', () => {
      const known = ['steps', 'images', 'substitutions', 'serviceAccount', 'timeout', 'options'];
      assert.deepEqual(
        Object.keys(build).filter((key) => !known.includes(key)),
        [],
      );
      for (const step of build.steps) {
        // None waits for less than all before it.
        assert.deepEqual(
          Object.keys(step).filter((key) => !['id', 'name', 'entrypoint', 'args'].includes(key)),
          [],
        );
        assert.ok(
          step.args.every((one) => typeof one === 'string'),
          step.id,
        );
      }
      const ids = build.steps.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
    });

    it('pins each image by a whole version', () => {
      for (const { name } of build.steps) assert.match(name, /^[a-z./-]+:\d+\.\d+\.\d+(-\w+)?$/);
    });

    it('declares each substitution that it uses, and uses each', () => {
      // What stands in comments is for people.
      const said = text.replaceAll(/#.*$/gm, '');
      const used = [...said.matchAll(/\$\{?(\w+)\}?/g)].map(([, name = '']) => name);
      const own = used.filter((name) => name.startsWith('_'));
      assert.deepEqual(new Set(own), new Set(Object.keys(build.substitutions)));
      const others = used.filter((name) => !name.startsWith('_') && name !== 'PROJECT_ID');
      assert.deepEqual(others, []);
    });

    it('logs where an account that is not Cloud Build’s own may log', () => {
      assert.equal(build.options['logging'], 'CLOUD_LOGGING_ONLY');
    });

    it('calls what is there', () => {
      for (const step of build.steps) {
        const [program, ...rest] = commandOf(step);
        if (program === 'npm' && rest[0] === 'run') assert.ok(scripts[rest[1] ?? ''], step.id);
        else if (program === 'npm') assert.ok(['ci', 'test'].includes(rest[0] ?? ''), step.id);
        else if (program === 'sh' || program === 'node') {
          assert.ok(existsSync(join(root, rest[0] ?? '')), step.id);
        } else assert.ok(['cp', 'build'].includes(program ?? ''), step.id);
      }
    });

    it('tells each step of a release what it takes', () => {
      for (const step of build.steps) {
        const called = releaseStep(step);
        if (called === undefined) continue;
        const values: Readonly<Record<string, unknown>> = optionsOf(called.step, called.rest);
        assert.equal(values['project'], '$PROJECT_ID');
        assert.equal(step.id, called.step);
        assert.ok(!('password' in values) && values['user'] === undefined);
      }
    });
  });
}

describe('a release by Cloud Build', () => {
  const { steps } = parse(read('cloudbuild.yaml')) as Build;
  const back = parse(read('cloudbuild.rollback.yaml')) as Build;

  it('deploys what was checked and tested, and looks whether it works', () => {
    assert.deepEqual(
      steps.map(({ id }) => id),
      [
        ...['node', 'terraform', 'install', 'install-schema', 'check', 'test', 'bundle'],
        ...['make', 'plan', 'apply', 'smoke'],
      ],
    );
    const make = steps.find(({ id }) => id === 'make');
    assert.ok(make?.args.includes('--bundled=dist'), 'what is uploaded is what was bundled');
    const smoke = steps.find(({ id }) => id === 'smoke');
    assert.ok(smoke?.args.includes('--or-roll-back'));
  });

  it('goes back by steps of its own', () => {
    assert.deepEqual(
      back.steps.map(({ id }) => id),
      ['node', 'terraform', 'install', 'rollback', 'smoke'],
    );
  });

  it('runs on this repository’s Node, in every image', () => {
    const nodes = [...steps, ...back.steps].filter(({ name }) => name.startsWith('node:'));
    assert.ok(nodes.length > 2);
    for (const { name } of nodes) assert.ok(name.startsWith(`node:${devDependencies['node']}-`));
    for (const step of [...steps, ...back.steps]) {
      if (releaseStep(step) !== undefined) assert.equal(step.args[0], inBuild, step.id);
    }
  });

  it('runs a Terraform that the configuration takes', () => {
    const [, least = ''] =
      /required_version = ">= ([\d.]+)"/.exec(read('infra/terraform/versions.tf')) ?? [];
    for (const { name } of [...steps, ...back.steps]) {
      const [, version] = /^hashicorp\/terraform:([\d.]+)$/.exec(name) ?? [];
      if (version === undefined) continue;
      assert.ok(version.localeCompare(least, 'en', { numeric: true }) >= 0, version);
    }
  });

  it('finds the programs that its first steps kept', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-build-'));
    try {
      const program = join(directory, '.tools/bin/a-program');
      await mkdir(join(directory, '.tools/bin'), { recursive: true });
      await writeFile(program, '#!/bin/sh\necho "called with $*"\n');
      await chmod(program, 0o755);
      const parameters = [join(root, inBuild), 'a-program', 'two words', 'and more'];
      const told = execFileSync('sh', parameters, { cwd: directory, encoding: 'utf8' });
      assert.equal(told, 'called with two words and more\n');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('uploads the source, and none of what was made of it', {
    skip: unlessInstalled('gcloud'),
  }, () => {
    const listed = execFileSync('gcloud', ['meta', 'list-files-for-upload', root], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n');
    for (const needed of [
      ...['.gitignore', 'package-lock.json', 'cloudbuild.yaml', 'infra/image/Dockerfile'],
      ...['infra/terraform/main.tf', 'infra/release/main.ts', 'test/run.js'],
    ]) {
      assert.ok(listed.includes(needed), needed);
    }
    assert.deepEqual(
      listed.filter((path) => /^(\.git|node_modules|dist|\.data)\/|\.tfstate|\.tfplan/.test(path)),
      [],
    );
  });
});

describe('the steps of a release', () => {
  it('are those that its help tells', () => {
    const help = read('infra/release/arguments.ts');
    for (const step of ['make', 'plan', 'apply', 'smoke', 'rollback', 'current'] as Step[]) {
      assert.match(help, new RegExp(`^  ${step} +\\w`, 'm'));
    }
  });
});
