// The steps of a release, each as the process that a build starts, on stand-ins for gcloud and terraform.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Cloud, type Ended, startCloud } from './stand-ins.ts';

const project = 'a-registry';
const bucket = 'a-registry-releases';
const state = 'a-registry-terraform';
const image = 'us-central1-docker.pkg.dev/a-registry/berth/berth';

interface Release {
  readonly functions: string;
  readonly image: string;
}

let cloud: Cloud;

beforeEach(async () => {
  cloud = await startCloud();
});
afterEach(() => cloud.remove());

/** What `npm run bundle` would have filled. */
async function bundled(content: string): Promise<string> {
  const directory = join(cloud.directory, 'dist', content);
  for (const name of ['functions', 'uploads', 'mirror', 'admin']) {
    await mkdir(join(directory, name), { recursive: true });
    await writeFile(join(directory, name, 'index.cjs'), `// ${name} ${content}`);
  }
  return directory;
}

/** As modules/release calls it. */
async function make(id: string, content = id): Promise<Ended> {
  return cloud.release([
    ...['--project', project, '--region', 'us-central1', '--bucket', bucket],
    ...['--repository', 'berth', '--id', id, '--bundled', await bundled(content)],
    ...['--account', 'berth-builder@a-registry.iam.gserviceaccount.com'],
  ]);
}

async function releaseOf(id: string): Promise<Release> {
  return JSON.parse(String(await cloud.readObject(bucket, `releases/${id}.json`)));
}

/** What is there once a release was made. */
async function made(id: string): Promise<Release> {
  const hash = createHash('sha256').update(id).digest('hex');
  const release = { functions: `functions-${hash}.zip`, image: `${image}@sha256:${hash}` };
  await cloud.writeObject(bucket, release.functions, id);
  await cloud.writeObject(bucket, `releases/${id}.json`, JSON.stringify(release));
  await cloud.addImage(release.image);
  return release;
}

/** A registry that was deployed by `terraform apply` on a laptop. */
async function deployedByHand(id: string): Promise<Release> {
  const release = await made(id);
  await cloud.writeState(state, {
    ...{ serial: 1, project, bucket, release },
    domains: ['registry.example.com'],
  });
  return release;
}

async function step(name: string, ...more: string[]): Promise<Ended> {
  return cloud.release([name, `--project=${project}`, ...more]);
}

async function succeeds(name: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await step(name, ...more);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function fails(name: string, ...more: string[]): Promise<string> {
  const { code, stderr } = await step(name, ...more);
  assert.equal(code, 1);
  return stderr;
}

async function deploy(id: string): Promise<void> {
  await succeeds('plan', `--id=${id}`);
  await succeeds('apply');
}

async function deployedNow(): Promise<Release> {
  return ((await cloud.readState(state)) as { release: Release }).release;
}

async function records() {
  const names = (await cloud.objects(bucket)).filter((name) => name.startsWith('deployed/'));
  return Promise.all(
    names.map(async (name) => ({
      name,
      ...JSON.parse(String(await cloud.readObject(bucket, name))),
    })),
  );
}

describe('making a release', () => {
  it('uploads the functions named by their hash, builds the image, and writes both down', async () => {
    const { code, stderr } = await make('one');
    assert.equal(code, 0, stderr);
    const release = await releaseOf('one');
    const zip = await cloud.readObject(bucket, release.functions);
    const hash = createHash('sha256').update(zip).digest('hex');
    assert.equal(release.functions, `functions-${hash}.zip`);
    assert.match(release.image, /^us-central1-docker\.pkg\.dev\/a-registry\/berth\/berth@sha256:/);
    assert.deepEqual(await cloud.objects(bucket), [release.functions, 'releases/one.json']);
    const context = await readFile(join(cloud.directory, 'build-context'), 'utf8');
    assert.deepEqual(
      context.split('\n').filter((name) => !/^(admin|mirror|uploads)$/.test(name)),
      ['Dockerfile', 'admin/index.cjs', 'mirror/index.cjs', 'uploads/index.cjs'],
    );
    const build = (await cloud.calls()).find((call) => call.startsWith('gcloud builds')) ?? '';
    assert.ok(build.includes(` --substitutions=_IMAGE=${image}:one,_NODE_VERSION=24.`), build);
    assert.ok(build.includes('/serviceAccounts/berth-builder@a-registry.iam.'), build);
  });

  it('does nothing where that source was made before', async () => {
    await made('one');
    const before = (await cloud.calls()).length;
    const { code, stdout } = await make('one', 'something else');
    assert.equal(code, 0);
    assert.match(stdout, /release one was made before/);
    assert.deepEqual((await cloud.calls()).slice(before), [
      `gcloud storage cat gs://${bucket}/releases/one.json --project=${project}`,
    ]);
  });

  it('uploads the same functions once, whatever source they were made of', async () => {
    await make('one');
    const { code } = await make('two', 'one');
    assert.equal(code, 0);
    assert.equal((await releaseOf('two')).functions, (await releaseOf('one')).functions);
    const zips = (await cloud.objects(bucket)).filter((name) => name.endsWith('.zip'));
    assert.equal(zips.length, 1);
  });

  it('finds the bucket and the image’s name in Terraform’s state, where there is one', async () => {
    await deployedByHand('one');
    await succeeds('make', '--id=two', `--bundled=${await bundled('two')}`, '--state=');
    const two = await releaseOf('two');
    assert.ok(two.image.startsWith(`${image}@sha256:`));
  });

  it('says what to do where gcloud has no login', async () => {
    await cloud.spoil('login');
    const { code, stderr } = await make('one');
    assert.equal(code, 1);
    assert.equal(stderr, 'gcloud has no login that is valid: gcloud auth login\n');
  });

  it('tells why the image was not built, and leaves no release', async () => {
    await cloud.spoil('build');
    const { code, stderr } = await make('one');
    assert.equal(code, 1);
    assert.match(stderr, /build 4711 completed with status "FAILURE"/);
    assert.ok(!(await cloud.objects(bucket)).includes('releases/one.json'));
  });
});

describe('deploying a release', () => {
  it('plans it, applies that plan, and records what was there before', async () => {
    const one = await deployedByHand('one');
    const two = await made('two');
    await deploy('two');
    assert.deepEqual(await deployedNow(), two);
    const [record, ...more] = await records();
    assert.deepEqual(more, []);
    assert.match(record.name, /^deployed\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-two\.json$/);
    assert.deepEqual(
      { ...record, name: '', at: '' },
      {
        ...{ name: '', at: '', id: 'two', release: two, before: one },
        ...{ isRollback: false, state: 'deployed' },
      },
    );
    assert.match(await succeeds('current'), /functions {2}functions-[0-9a-f]{64}\.zip\n/);
  });

  it('plans with the lock of the state waited for, and applies the plan and nothing else', async () => {
    await deployedByHand('one');
    await made('two');
    await deploy('two');
    const calls = (await cloud.calls()).filter((call) => /^terraform \S+ (plan|apply)/.test(call));
    const plan = join(cloud.directory, 'work/release.tfplan');
    assert.equal(calls.length, 2);
    assert.match(calls[0] ?? '', /plan -input=false -lock-timeout=10m -out=/);
    assert.ok((calls[1] ?? '').endsWith(`apply -input=false -lock-timeout=10m ${plan}`));
  });

  it('refuses a source of which nothing was made', async () => {
    await deployedByHand('one');
    assert.match(await fails('plan', '--id=two'), /nothing was made of the source two yet/);
  });

  it('refuses a project of which nothing was deployed', async () => {
    await cloud.writeState(state, { serial: 0, project, bucket, domains: [] });
    assert.match(await fails('plan'), /the first time, call terraform apply yourself/);
  });

  it('refuses the state of another project', async () => {
    const release = await made('one');
    await cloud.writeState(state, {
      ...{ serial: 1, project: 'another', bucket, release, domains: ['registry.example.com'] },
    });
    assert.match(
      await fails('plan', '--id=one'),
      /terraform\.tfvars is of the project another, and you release to a-registry/,
    );
    assert.match(await fails('apply'), /nothing is planned/);
  });

  it('applies nothing where nothing is planned, and nothing twice', async () => {
    await deployedByHand('one');
    assert.match(await fails('apply'), /nothing is planned/);
    await made('two');
    await deploy('two');
    assert.match(await fails('apply'), /nothing is planned/);
  });

  it('applies no plan but the one it is to record', async () => {
    const one = await deployedByHand('one');
    await made('two');
    await succeeds('plan', '--id=two');
    await appendFile(join(cloud.directory, 'work/release.tfplan'), ' ');
    assert.match(await fails('apply'), /is another plan than the one that is to be recorded/);
    assert.deepEqual(await deployedNow(), one);
    assert.deepEqual(await records(), []);
  });

  it('leaves to Terraform to refuse a plan that is overtaken', async () => {
    const one = await deployedByHand('one');
    await made('two');
    await succeeds('plan', '--id=two');
    const now = (await cloud.readState(state)) as object;
    await cloud.writeState(state, { ...now, serial: 7 });
    assert.match(await fails('apply'), /Saved plan is stale/);
    assert.deepEqual(await deployedNow(), one);
  });

  it('forgets what was planned before where planning fails', async () => {
    await deployedByHand('one');
    await made('two');
    await succeeds('plan', '--id=two');
    await cloud.spoil('plan');
    await fails('plan', '--id=two');
    assert.match(await fails('apply'), /nothing is planned/);
  });
});

describe('going back', () => {
  it('deploys the release before, which may be the first one, made by hand', async () => {
    const one = await deployedByHand('one');
    await made('two');
    await deploy('two');
    await succeeds('rollback');
    assert.deepEqual(await deployedNow(), one);
    assert.equal((await records()).at(-1).isRollback, true);
    assert.match(await fails('rollback'), /there is nothing to go back to/);
  });

  it('twice goes back by two, and a release that follows is gone back from', async () => {
    const one = await deployedByHand('one');
    const two = await made('two');
    await made('three');
    await deploy('two');
    await deploy('three');
    assert.match(await succeeds('rollback'), /going back to two/);
    assert.deepEqual(await deployedNow(), two);
    await succeeds('rollback');
    assert.deepEqual(await deployedNow(), one);
    await deploy('three');
    await succeeds('rollback');
    assert.deepEqual(await deployedNow(), one);
  });

  it('goes back from half an apply', async () => {
    const one = await deployedByHand('one');
    await made('two');
    await succeeds('plan', '--id=two');
    await cloud.spoil('apply');
    await fails('apply');
    assert.match(await succeeds('current'), /\(two\) did not come to its end/);
    await succeeds('rollback');
    assert.deepEqual(await deployedNow(), one);
  });

  it('takes no account of a plan that was overtaken: nothing came of it', async () => {
    const one = await deployedByHand('one');
    await made('two');
    await made('three');
    const kept = ['release.json', 'release.tfplan'].map((name) =>
      join(cloud.directory, 'work', name),
    );
    await succeeds('plan', '--id=three');
    const plans = await Promise.all(kept.map((file) => readFile(file)));
    await deploy('two');
    for (const [at, file] of kept.entries()) await writeFile(file, plans[at] ?? '');
    assert.match(await fails('apply'), /Saved plan is stale/);
    assert.doesNotMatch(await succeeds('current'), /did not come to its end/);
    await succeeds('rollback');
    assert.deepEqual(await deployedNow(), one);
  });

  it('does not begin where a part of the release before is gone', async () => {
    await deployedByHand('one');
    const two = await made('two');
    await deploy('two');
    await writeFile(join(cloud.directory, 'images'), '');
    assert.match(await fails('rollback'), /NOT_FOUND/);
    assert.deepEqual(await deployedNow(), two);
  });

  it('is done by the smoke test when asked to, which has failed all the same', async () => {
    const one = await deployedByHand('one');
    await made('two');
    await deploy('two');
    await cloud.giveAccessToken('ya29.of-the-releaser');
    // Nobody listens there.
    const nobody = ['--domain=127.0.0.1:1', '--plain-http'];
    assert.match(await fails('smoke', ...nobody), /ECONNREFUSED/);
    assert.notDeepEqual(await deployedNow(), one);
    assert.match(await fails('smoke', ...nobody, '--or-roll-back'), /ECONNREFUSED/);
    assert.deepEqual(await deployedNow(), one);
    const calls = await cloud.calls();
    const applied = calls.findLastIndex((call) => call.includes(' apply '));
    assert.ok(calls.lastIndexOf('gcloud auth print-access-token') > applied, 'an old token');
  });

  it('is not done by the smoke test where the release is the one that was there before', async () => {
    await deployedByHand('one');
    const two = await made('two');
    await deploy('two');
    await deploy('two');
    await cloud.giveAccessToken('ya29.of-the-releaser');
    assert.match(
      await fails('smoke', '--domain=127.0.0.1:1', '--plain-http', '--or-roll-back'),
      /nothing to go back to/,
    );
    assert.deepEqual(await deployedNow(), two);
  });
});

describe('npm run release', () => {
  it('says how it is called', async () => {
    const { code, stdout } = await cloud.release(['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /rollback {2}plans and applies/);
  });

  for (const [what, parameters] of Object.entries({
    'a step that there is not': ['deploy', `--project=${project}`],
    'an option that a step does not know': ['apply', `--project=${project}`, '--id=one'],
    'no project': ['plan'],
    'half of where a release is made': [`--project=${project}`, '--bucket=one'],
    'a user without a password': ['smoke', '--domain=localhost', '--user=admin'],
    'a wait that is no number': ['smoke', '--domain=localhost', '--wait=long'],
  })) {
    it(`refuses ${what}, and calls nobody`, async () => {
      const { code } = await cloud.release(parameters);
      assert.equal(code, 1);
      assert.deepEqual(await cloud.calls(), []);
      assert.ok(!existsSync(join(cloud.directory, 'buckets', bucket)));
    });
  }
});
