// What is deployed, as it is deployed: the zip of the functions unpacked elsewhere and installed there, what the image has
// beside one another, and each started by the platform's command line with what Terraform's configuration gives it.

import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { type TargetName, targets } from '#functions/targets.ts';
import { zipDirectory } from '#infra/bundle/zip.ts';
import type { FunctionProcess } from '#infra/local/processes.ts';
import type { Environment } from '#shared/settings.ts';
import { readModules, terraformRoot, withoutPackages } from '#test/terraform/hcl.ts';

const root = join(import.meta.dirname, '../..');

/** Why what is deployed cannot be run here, as the `skip` of a suite. */
export const unlessConfigurationIsRead: string | false = withoutPackages();

export const dockerfile = join(root, 'infra/image/Dockerfile');

/**
 * Makes what the platform makes of a bundle before it starts anything.
 * @param bundled what `npm run bundle` filled
 * @param into gets `workspace`, where the buildpack installs functions, and `berth`, where the image has the others
 */
export async function deploy(bundled: string, into: string): Promise<void> {
  const workspace = join(into, 'workspace');
  await mkdir(workspace, { recursive: true });
  const files = unzipSync(await zipDirectory(join(bundled, 'functions')));
  for (const [path, bytes] of Object.entries(files)) await writeFile(join(workspace, path), bytes);
  // The buildpack's own call: https://github.com/GoogleCloudPlatform/buildpacks, cmd/nodejs/npm. In production that is
  // without what is for development. What a cache has is not asked for again.
  await promisify(execFile)(
    'npm',
    ['ci', '--omit=dev', '--quiet', '--no-fund', '--no-audit', '--prefer-offline'],
    { cwd: workspace, env: { ...process.env, NODE_ENV: 'production', PATH: path() } },
  );
  for (const [, from = '', to = ''] of (await readFile(dockerfile, 'utf8')).matchAll(
    /^COPY (\w+) (\w+)$/gm,
  )) {
    await cp(join(bundled, from), join(into, 'berth', to), { recursive: true });
  }
}

/**
 * How functions are started.
 * @param directory what {@link deploy} filled
 * @returns by the settings of all functions: each is given its own
 */
export async function deployedCommands(
  directory: string,
): Promise<(name: TargetName, environment: Environment) => FunctionProcess> {
  const platform = await readPlatform();
  const begins = await entrypoint();
  const known = await readKnownSettings();
  return (name, environment) => {
    const given = { ...ofThisMachine(environment), ...settingsOf(name, environment, known) };
    if (targets[name].host === 'streaming') {
      return {
        // The image's Node is this one, by its version.
        program: process.execPath,
        arguments: [...begins.slice(1), `${name}/index.cjs`],
        directory: join(directory, 'berth'),
        environment: { ...given, ...platform.ofServices, NODE_ENV: 'production' },
      };
    }
    return {
      // cmd/nodejs/functions_framework, where a package.json names the framework.
      program: '/bin/bash',
      arguments: ['-c', 'node_modules/.bin/functions-framework'],
      directory: join(directory, 'workspace'),
      environment: { ...given, ...platform.ofFunction(name), FUNCTION_TARGET: name },
    };
  };
}

interface KnownSetting {
  readonly read_by: readonly string[];
  readonly default: string | null;
}

/** What Terraform knows of the settings. */
export async function readKnownSettings(): Promise<Readonly<Record<string, KnownSetting>>> {
  return JSON.parse(await readFile(join(terraformRoot, 'settings.json'), 'utf8'));
}

/**
 * What a function is given of the settings, secrets among them: settings.tf says the same (a test holds that).
 * @param set what is set; all else is what it is by default
 * @throws Error that names what has to be set and is not
 */
export function settingsOf(
  name: string,
  set: Environment,
  known: Readonly<Record<string, KnownSetting>>,
): Readonly<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const [variable, setting] of Object.entries(known)) {
    if (!setting.read_by.includes(name)) continue;
    const value = set[variable] ?? setting.default;
    if (value === null) throw new Error(`${variable} is not set, and ${name} needs it`);
    if (value !== '') given[variable] = value;
  }
  return given;
}

/** What Node is begun with in the image. */
async function entrypoint(): Promise<readonly string[]> {
  const [, text = '[]'] = /^ENTRYPOINT (\[.*\])$/m.exec(await readFile(dockerfile, 'utf8')) ?? [];
  return JSON.parse(text);
}

/** What every function has beside its settings: by the configuration, and by the platform itself. */
async function readPlatform() {
  const modules = await readModules();
  const localsOf = (module: string): Record<string, unknown> =>
    Object.assign(
      {},
      ...(modules.get(module) ?? []).flatMap(({ blocks }) => blocks['locals'] ?? []),
    );
  const functions = localsOf('modules/functions');
  const { environment } = functions as { environment: Record<string, string> };
  const sizeOf = (name: string, what: string) => {
    const own = (functions['functions'] as Record<string, string>)[name] ?? '';
    const base = own.includes('local.public') ? functions['public'] : functions['internal'];
    const [, text] = new RegExp(`\\b${what}\\s*=\\s*"?(\\w+)`).exec(own) ?? [];
    return text ?? String((base as Record<string, unknown>)[what]);
  };
  const services = localsOf('modules/streaming-services')['environment'];
  return {
    ofServices: services as Record<string, string>,
    ofFunction: (name: string) => {
      const [, size = '', unit] = /^(\d+)([GM])i$/.exec(sizeOf(name, 'memory')) ?? [];
      const memoryMib = Number(size) * (unit === 'G' ? 1024 : 1);
      return {
        ...environment,
        NODE_ENV: 'production',
        // The buildpack leaves 64 MiB to what is not the heap.
        NODE_OPTIONS: `--max-old-space-size=${memoryMib - 64} ${environment['NODE_OPTIONS']}`,
        CLOUD_RUN_TIMEOUT_SECONDS: sizeOf(name, 'timeout_seconds'),
        K_SERVICE: `berth-${name}`,
      };
    },
  };
}

/** Of the environment, what is there only since this is not the cloud. */
function ofThisMachine(environment: Environment): Record<string, string> {
  const needed = /^(HOME|TMPDIR|METADATA_.*|.*_EMULATOR_HOST)$/;
  const given = Object.entries(environment).filter(([name]) => needed.test(name));
  return { ...(Object.fromEntries(given) as Record<string, string>), PATH: path() };
}

/** With this Node before all others. */
function path(): string {
  return [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
}
