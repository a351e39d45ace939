// `berth policy`: who may do what in a project.

import type { Command } from 'commander';
import { exitCodes, Failure, wrongUsage } from '../failure.ts';
import { readInput } from '../input.ts';
import { isRecord, parseJson } from '../json-values.ts';
import {
  addMembers,
  type Binding,
  type Policy,
  readBindings,
  readPolicy,
  removeMembers,
} from '../policy-change.ts';
import { readSmallFile } from '../private-file.ts';
import type { Registry } from '../registry.ts';
import {
  answer,
  type CommonOptions,
  declare,
  declareGroup,
  open,
  projectPath,
  type Session,
  terminalColumns,
} from '../session.ts';
import { table } from '../table.ts';
import { collect, type ForceOption, forceOption, forceQuery, roleOption } from './options.ts';

interface MemberOptions extends CommonOptions, ForceOption {
  readonly role: string;
  readonly member: readonly string[];
  readonly prefix?: string;
}

interface SetOptions extends CommonOptions, ForceOption {
  readonly writersDelete?: string;
  readonly gcrDeletes?: string;
  readonly overwrite?: true;
}

type Rules = Partial<Pick<Policy, 'writersDelete' | 'gcrDeletes'>>;

const fileBytesMax = 1024 * 1024;
/** How often a change is made anew that others came before. */
const attemptsMax = 5;

export function declarePolicy(program: Command, session: Session): void {
  const group = declareGroup(program, 'policy', 'who may do what in a project');
  declare(group, 'get <project>', 'shows the policy', 'berth policy get my-project').action(
    async (project: string, options: CommonOptions) => {
      const { json } = await getPolicy(await open(session, options), project);
      answer(options, json, describe(policyIn(json)));
    },
  );
  declare(
    group,
    'set <project> [file]',
    'puts the policy in a file, or on standard input (-), in place of the one that stands',
    `berth policy get my-project --json > policy.json
berth policy set my-project policy.json
berth policy set my-project --writers-delete=yes`,
  )
    .option('--writers-delete <yes|no>', 'whether writers may delete; alone, changes nothing else')
    .option(
      '--gcr-deletes <yes|no>',
      'whether what is tagged or named by others is kept from deleting; alone, changes nothing else',
    )
    .option('--overwrite', 'whatever stands there: the file needs no etag')
    .addOption(forceOption())
    .action((project: string, file: string | undefined, options: SetOptions) =>
      set(session, project, file, options),
    );
  declareChange(
    group,
    'add',
    'gives members a role',
    'berth policy add my-project --role writer --member robot:ci --prefix my-project/backend',
  ).action((project: string, options: MemberOptions) =>
    change(session, project, options, ({ bindings }) => addMembers(bindings, bindingIn(options))),
  );
  declareChange(
    group,
    'remove',
    'takes a role from members',
    'berth policy remove my-project --role reader --member allUsers',
  ).action((project: string, options: MemberOptions) =>
    change(session, project, options, ({ bindings }) => {
      const left = removeMembers(bindings, bindingIn(options));
      if (left === undefined) {
        throw new Failure(
          `none of these members has that role there: berth policy get ${project}`,
          exitCodes.notThere,
        );
      }
      return left;
    }),
  );
}

function declareChange(group: Command, name: string, description: string, example: string) {
  return declare(group, `${name} <project>`, description, example)
    .addOption(roleOption().makeOptionMandatory())
    .requiredOption(
      '--member <member>',
      'user:EMAIL, serviceAccount:EMAIL, robot:NAME, principal://ISSUER/SUBJECT, principalSet://ISSUER/CLAIM.VALUE, allAuthenticatedUsers or allUsers; may be repeated',
      collect,
    )
    .option('--prefix <prefix>', 'only in repositories below this: my-project/backend')
    .addOption(forceOption());
}

function bindingIn({ role, member, prefix }: MemberOptions): Binding {
  return { role, members: member, ...(prefix === undefined ? {} : { prefix }) };
}

async function set(
  session: Session,
  project: string,
  file: string | undefined,
  options: SetOptions,
): Promise<void> {
  const rules = rulesIn(options);
  if (file === undefined) {
    if (Object.keys(rules).length === 0) {
      throw wrongUsage('which policy? berth policy set PROJECT FILE');
    }
    const isSo = (policy: Policy) =>
      Object.entries(rules).every(([name, value]) => policy[name as keyof Rules] === value);
    const changed = (policy: Policy) => (isSo(policy) ? undefined : policy.bindings);
    return change(session, project, options, changed, rules);
  }
  const text =
    file === '-' ? await readInput(process.stdin) : await readSmallFile(file, fileBytesMax);
  if (text === undefined) throw wrongUsage(`there is no file ${file}`);
  const given = parseJson(text);
  const bindings = isRecord(given) ? readBindings(given['bindings']) : undefined;
  if (!isRecord(given) || bindings === undefined) {
    throw wrongUsage(
      'that is no policy: berth policy get PROJECT --json shows what one looks like',
    );
  }
  const registry = await open(session, options);
  const { etag } = options.overwrite ? policyIn((await getPolicy(registry, project)).json) : given;
  if (typeof etag !== 'string') {
    throw wrongUsage('the policy has no etag: start with berth policy get, or use --overwrite');
  }
  const { writersDelete, gcrDeletes } = given;
  const { json } = await putPolicy(registry, project, options, {
    bindings,
    writersDelete: writersDelete === true,
    ...(typeof gcrDeletes === 'boolean' ? { gcrDeletes } : {}),
    ...rules,
    etag,
  });
  answer(options, json, describe(policyIn(json)));
}

/**
 * Reads the policy, changes it and writes it back; again when another change came first.
 * @param changed the new bindings; `undefined` when nothing is to be changed
 */
async function change(
  session: Session,
  project: string,
  options: CommonOptions & ForceOption,
  changed: (policy: Policy) => readonly Binding[] | undefined,
  rules: Rules = {},
): Promise<void> {
  const registry = await open(session, options);
  for (let attempt = 1; ; attempt += 1) {
    const { json } = await getPolicy(registry, project);
    const policy = policyIn(json);
    const bindings = changed(policy);
    if (bindings === undefined) {
      answer(options, json, `${describe(policy)}\nIt was so already.`);
      return;
    }
    try {
      const written = await putPolicy(registry, project, options, {
        ...policy,
        bindings,
        ...rules,
      });
      answer(options, written.json, describe(policyIn(written.json)));
      return;
    } catch (error) {
      const isBehind = error instanceof Failure && error.exitCode === exitCodes.changed;
      if (!isBehind || attempt === attemptsMax) throw error;
    }
  }
}

function getPolicy(registry: Registry, project: string) {
  return registry.call('GET', projectPath(project, 'policy'));
}

function putPolicy(registry: Registry, project: string, options: ForceOption, policy: Policy) {
  const path = `${projectPath(project, 'policy')}${forceQuery(options)}`;
  return registry.call('PUT', path, policy);
}

function policyIn(json: unknown): Policy {
  const policy = readPolicy(json);
  if (policy === undefined) throw new Failure('the registry answered with what is no policy');
  return policy;
}

function describe({ bindings, writersDelete, gcrDeletes }: Policy): string {
  const rows = bindings.flatMap(({ role, members, prefix }) =>
    members.map((member) => [role, member, prefix ?? '']),
  );
  const members = table(['ROLE', 'MEMBER', 'PREFIX'], rows, terminalColumns());
  const kept = gcrDeletes ? '\nWhat is tagged, or named by another manifest, is not deleted.' : '';
  return `${members}\nWriters ${writersDelete ? 'may' : 'may not'} delete.${kept}`;
}

/** What a policy says beside its bindings, as far as it was asked for. */
function rulesIn({ writersDelete, gcrDeletes }: SetOptions): Rules {
  return {
    ...(writersDelete === undefined
      ? {}
      : { writersDelete: yesOrNo('--writers-delete', writersDelete) }),
    ...(gcrDeletes === undefined ? {} : { gcrDeletes: yesOrNo('--gcr-deletes', gcrDeletes) }),
  };
}

function yesOrNo(option: string, text: string): boolean {
  if (text === 'yes' || text === 'true') return true;
  if (text === 'no' || text === 'false') return false;
  throw wrongUsage(`${option} is yes or no`);
}
