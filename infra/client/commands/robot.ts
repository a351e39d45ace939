// `berth robot`: accounts for programs.

import type { Command } from 'commander';
import { wrongUsage } from '../failure.ts';
import { asList, asRecord, asText } from '../json-values.ts';
import { printable } from '../printable.ts';
import {
  answer,
  type CommonOptions,
  declare,
  declareGroup,
  open,
  projectPath,
  remark,
  type Session,
  terminalColumns,
} from '../session.ts';
import { table } from '../table.ts';
import { parseTime } from '../times.ts';
import { roleOption } from './options.ts';

interface CreateOptions extends CommonOptions {
  readonly role: string;
  readonly prefix?: string;
  readonly expires?: string;
  readonly secretExpires?: string;
}

interface UpdateOptions extends CommonOptions {
  readonly role?: string;
  /** `false` for `--no-prefix`. */
  readonly prefix?: string | false;
  readonly expires?: string | false;
  readonly disable?: true;
  readonly enable?: true;
}

interface SecretOptions extends CommonOptions {
  readonly expires?: string;
}

const whenHelp = '90d, 12h, or a time as 2027-01-31T12:00:00Z';

export function declareRobot(program: Command, session: Session): void {
  const group = declareGroup(program, 'robot', 'accounts for programs');
  declare(group, 'list <project>', 'lists the robots', 'berth robot list my-project').action(
    async (project: string, options: CommonOptions) => {
      const registry = await open(session, options);
      const robots = await registry.list(projectPath(project, 'robots'), 'robots');
      answer(options, { robots }, robotTable(robots));
    },
  );
  declare(
    group,
    'create <project> <name>',
    'makes a robot, and shows its secret this once',
    'berth robot create my-project ci --role writer --secret-expires 90d',
  )
    .addOption(roleOption().makeOptionMandatory())
    .option('--prefix <prefix>', 'only in repositories below this: my-project/backend')
    .option('--expires <when>', `of the robot: ${whenHelp}`)
    .option('--secret-expires <when>', 'of its first secret')
    .action(async (project: string, name: string, options: CreateOptions) => {
      const { role, prefix, expires, secretExpires } = options;
      const registry = await open(session, options);
      const { json } = await registry.call('POST', projectPath(project, 'robots'), {
        name,
        role,
        ...(prefix === undefined ? {} : { prefix }),
        ...(expires === undefined ? {} : { expiresAt: parseTime(expires) }),
        ...(secretExpires === undefined ? {} : { secretExpiresAt: parseTime(secretExpires) }),
      });
      const { username, secret } = asRecord(json);
      tellSecret(options, json, username, secret);
    });
  declare(group, 'show <project> <name>', 'shows a robot', 'berth robot show my-project ci').action(
    async (project: string, name: string, options: CommonOptions) => {
      const registry = await open(session, options);
      const { json } = await registry.call('GET', projectPath(project, 'robots', name));
      answer(options, json, describe(json));
    },
  );
  declareUpdate(group, session);
  declare(
    group,
    'delete <project> <name>',
    'deletes a robot, with its secrets: at once',
    'berth robot delete my-project ci',
  ).action(async (project: string, name: string, options: CommonOptions) => {
    const registry = await open(session, options);
    await registry.call('DELETE', projectPath(project, 'robots', name));
    answer(
      options,
      { robot: usernameOf(project, name), deleted: true },
      `Deleted ${usernameOf(project, name)}`,
    );
  });
  declareSecret(group, session);
}

function declareUpdate(group: Command, session: Session): void {
  declare(
    group,
    'update <project> <name>',
    'changes a robot',
    'berth robot update my-project ci --disable',
  )
    .addOption(roleOption())
    .option('--prefix <prefix>', 'only in repositories below this')
    .option('--no-prefix', 'in the whole project')
    .option('--expires <when>', whenHelp)
    .option('--no-expires', 'never')
    .option('--disable', 'refuse it, until it is enabled again')
    .option('--enable', 'no longer refuse it')
    .action(async (project: string, name: string, options: UpdateOptions) => {
      const { role, prefix, expires, disable, enable } = options;
      if (disable && enable) throw wrongUsage('either --disable or --enable');
      const changes = {
        ...(role === undefined ? {} : { role }),
        ...(prefix === undefined ? {} : { prefix: prefix === false ? null : prefix }),
        ...(expires === undefined
          ? {}
          : { expiresAt: expires === false ? null : parseTime(expires) }),
        ...(disable || enable ? { disabled: disable === true } : {}),
      };
      if (Object.keys(changes).length === 0) throw wrongUsage('change what? See --help');
      const registry = await open(session, options);
      const { json } = await registry.call('PATCH', projectPath(project, 'robots', name), changes);
      answer(options, json, describe(json));
    });
}

function declareSecret(group: Command, session: Session): void {
  const secrets = declareGroup(group, 'secret', 'the secrets of a robot');
  declare(
    secrets,
    'create <project> <name>',
    'makes another secret, and shows it this once; the others stay good',
    'berth robot secret create my-project ci --expires 90d',
  )
    .option('--expires <when>', whenHelp)
    .action(async (project: string, name: string, options: SecretOptions) => {
      const { expires } = options;
      const registry = await open(session, options);
      const { json } = await registry.call(
        'POST',
        projectPath(project, 'robots', name, 'secrets'),
        {
          ...(expires === undefined ? {} : { expiresAt: parseTime(expires) }),
        },
      );
      tellSecret(options, json, asRecord(json)['username'], json);
    });
  declare(
    secrets,
    'revoke <project> <name> <secret>',
    'revokes a secret, by its id: at once',
    'berth robot secret revoke my-project ci 4f2a9c1d',
  ).action(async (project: string, name: string, secret: string, options: CommonOptions) => {
    const registry = await open(session, options);
    await registry.call('DELETE', projectPath(project, 'robots', name, 'secrets', secret));
    answer(
      options,
      { robot: usernameOf(project, name), secret, revoked: true },
      `Revoked the secret ${secret} of ${usernameOf(project, name)}`,
    );
  });
}

function tellSecret(options: CommonOptions, json: unknown, username: unknown, made: unknown): void {
  const { id, secret } = asRecord(made);
  const lines = { username, 'secret id': id, secret };
  answer(
    options,
    json,
    Object.entries(lines)
      .map(([name, value]) => `${`${name}:`.padEnd(11)}${printable(asText(value) ?? '')}`)
      .join('\n'),
  );
  remark('The secret is shown this once: keep it now.');
}

function robotTable(robots: readonly unknown[]): string {
  const rows = robots.map((one) => {
    const { username, role, prefix, secrets, expiresAt, disabled } = asRecord(one);
    return [
      asText(username) ?? '',
      asText(role) ?? '',
      asText(prefix) ?? '',
      String(asList(secrets).length),
      asText(expiresAt) ?? 'never',
      disabled === true ? 'disabled' : 'enabled',
    ];
  });
  const head = ['USERNAME', 'ROLE', 'PREFIX', 'SECRETS', 'EXPIRES', 'STATE'];
  return table(head, rows, terminalColumns());
}

function describe(robot: unknown): string {
  const rows = asList(asRecord(robot)['secrets']).map((one) => {
    const { id, created, expiresAt } = asRecord(one);
    return [asText(id) ?? '', asText(created) ?? '', asText(expiresAt) ?? 'never'];
  });
  const secrets = table(['SECRET', 'CREATED', 'EXPIRES'], rows, terminalColumns());
  return `${robotTable([robot])}\n\n${secrets}`;
}

/** As it logs in: no username has a colon, which ends it. */
function usernameOf(project: string, name: string): string {
  return `${name}@${project.replace(':', '/')}`;
}
