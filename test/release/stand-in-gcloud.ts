// What a release needs of gcloud: buckets are directories, an image is a line in a file.

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { at, called, end, isSpoilt, parse } from './stand-in.ts';

const parameters = called('gcloud');
if (isSpoilt('login')) {
  end(
    1,
    `ERROR: (gcloud.${parameters[0]}) You do not currently have an active account selected.\nPlease run:\n\n  $ gcloud auth login\n\nto obtain new credentials.`,
  );
}

const commands: Readonly<Record<string, (rest: readonly string[]) => void>> = {
  'auth print-access-token': (rest) => {
    parse(rest, {});
    const file = at('access-token');
    if (!existsSync(file)) end(1, 'ERROR: (gcloud.auth) nobody said who is logged in');
    process.stdout.write(`${readFileSync(file, 'utf8')}\n`);
  },
  'storage cat': (rest) => {
    const { rest: urls } = parse(rest, { needed: ['--project'] });
    for (const url of urls) {
      const found = filesOf(url);
      if (found.length === 0) {
        end(
          1,
          `ERROR: (gcloud.storage.cat) The following URLs matched no objects or files:\n${url}`,
        );
      }
      for (const file of found) process.stdout.write(readFileSync(file));
    }
  },
  'storage cp': (rest) => {
    const { flags, rest: urls } = parse(rest, {
      needed: ['--project', '--content-type'],
      allowed: ['--no-clobber'],
    });
    const [from = '', to = '', ...more] = urls;
    if (more.length > 0) end(2, `unrecognized arguments: ${more.join(' ')}`);
    const { bucket, name } = partsOf(to);
    mkdirSync(at('buckets', bucket), { recursive: true });
    const file = at('buckets', bucket, encodeURIComponent(name));
    if (flags.has('--no-clobber') && existsSync(file)) {
      process.stderr.write(`Skipping existing destination item (no-clobber): ${to}\n`);
    } else writeFileSync(file, readFileSync(from));
  },
  'storage objects describe': (rest) => {
    const { rest: urls } = parse(rest, { needed: ['--project', '--format'] });
    for (const url of urls) {
      if (filesOf(url).length > 0) continue;
      end(1, `ERROR: (gcloud.storage.objects.describe) ${url} not found: 404.`);
    }
  },
  'artifacts versions describe': (rest) => {
    const { flags, rest: digests } = parse(rest, {
      needed: ['--project', '--location', '--repository', '--package', '--format'],
    });
    const [location, project, repository, name] = [
      ...['--location', '--project', '--repository', '--package'].map((one) => flags.get(one)),
    ];
    const known = existsSync(at('images')) ? readFileSync(at('images'), 'utf8').split('\n') : [];
    const image = `${location}-docker.pkg.dev/${project}/${repository}/${name}@${digests[0]}`;
    if (known.includes(image)) return;
    end(
      1,
      'ERROR: (gcloud.artifacts.versions.describe) NOT_FOUND: Requested entity was not found.',
    );
  },
  'builds submit': (rest) => {
    const { flags, rest: sources } = parse(rest, {
      needed: [
        '--project',
        '--config',
        '--gcs-source-staging-dir',
        '--service-account',
        '--substitutions',
        '--suppress-logs',
        '--format',
      ],
    });
    const [source = '', ...more] = sources;
    if (more.length > 0) end(2, `unrecognized arguments: ${more.join(' ')}`);
    if (isSpoilt('build')) {
      end(1, 'ERROR: (gcloud.builds.submit) build 4711 completed with status "FAILURE"');
    }
    if (!existsSync(flags.get('--config') ?? '')) end(1, 'ERROR: no such config');
    if (flags.get('--format') !== 'value(results.images[0].digest)') end(2, 'unknown format');
    const { _IMAGE: image = '' } = Object.fromEntries(
      (flags.get('--substitutions') ?? '').split(',').map((one) => one.split('=')),
    );
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
    const digest = createHash('sha256').update(files.sort().join('\n')).digest('hex');
    writeFileSync(at('build-context'), files.join('\n'));
    appendFileSync(at('images'), `${image.replace(/:[^:/]*$/, '')}@sha256:${digest}\n`);
    process.stdout.write(`sha256:${digest}\n`);
  },
};

const name = Object.keys(commands).find((one) => `${parameters.join(' ')} `.startsWith(`${one} `));
if (name === undefined) end(2, `ERROR: (gcloud) Invalid choice: '${parameters.join(' ')}'`);
commands[name]?.(parameters.slice(name.split(' ').length));

function partsOf(url: string): { readonly bucket: string; readonly name: string } {
  const [, bucket, name] = /^gs:\/\/([a-z0-9-]+)\/(.+)$/.exec(url) ?? [];
  if (bucket === undefined || name === undefined) end(1, `ERROR: no address of an object: ${url}`);
  return { bucket, name };
}

/** Of the objects whose names fit, in their order. */
function filesOf(url: string): readonly string[] {
  const { bucket, name } = partsOf(url);
  const directory = at('buckets', bucket);
  if (!existsSync(directory)) return [];
  const [start = '', end] = name.split('*');
  return readdirSync(directory)
    .filter((file) => {
      const one = decodeURIComponent(file);
      return end === undefined ? one === name : one.startsWith(start) && one.endsWith(end);
    })
    .sort()
    .map((file) => join(directory, file));
}
