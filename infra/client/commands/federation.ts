// `berth federation`: whose ID tokens a project takes: CI jobs then need no secret.

import type { Command } from 'commander';
import { exitCodes, Failure, wrongUsage } from '../failure.ts';
import { asRecord, asText } from '../json-values.ts';
import { shown } from '../printable.ts';
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

interface RuleOptions extends CommonOptions, ForceOption {
  readonly issuer?: string;
  readonly audience?: string | false;
  readonly claim?: readonly string[];
  readonly role?: string;
  readonly prefix?: string | false;
  readonly id?: string;
}

/** Issuers that have a short name. */
const issuers: Readonly<Record<string, string>> = {
  github: 'https://token.actions.githubusercontent.com',
  gitlab: 'https://gitlab.com',
};

export function declareFederation(program: Command, session: Session): void {
  const group = declareGroup(program, 'federation', 'which CI jobs a project trusts');
  declare(group, 'list <project>', 'lists the rules', 'berth federation list my-project').action(
    async (project: string, options: CommonOptions) => {
      const registry = await open(session, options);
      const { json } = await registry.call('GET', projectPath(project, 'federation'));
      answer(options, json, ruleTable(rulesIn(json)));
    },
  );
  declareRule(
    group,
    'add <project>',
    'trusts jobs whose ID token has these claims',
    `berth federation add my-project --issuer github --claim repository=my-org/my-repo \\
  --claim ref=refs/heads/main --role writer`,
  )
    .option('--id <id>', "the rule's name; made when left out")
    .action(async (project: string, options: RuleOptions) => {
      if (options.issuer === undefined) throw wrongUsage('--issuer is needed');
      const registry = await open(session, options);
      const rule = {
        ...(options.id === undefined ? {} : { id: options.id }),
        ...changesIn(options),
      };
      const { json } = await registry.call('POST', projectPath(project, 'federation'), rule);
      answer(options, json, ruleTable([json]));
    });
  declareRule(
    group,
    'update <project> <rule>',
    'changes a rule: what is not named stays',
    'berth federation update my-project main --role reader',
  )
    .option('--no-audience', "the registry's own again")
    .option('--no-prefix', 'in the whole project')
    .addOption(forceOption())
    .action(async (project: string, id: string, options: RuleOptions) => {
      const registry = await open(session, options);
      const rule = { ...(await findRule(registry, project, id)), ...changesIn(options) };
      // A field that was taken away is left out.
      const body = Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== null));
      const path = `${projectPath(project, 'federation', id)}${forceQuery(options)}`;
      const { json } = await registry.call('PUT', path, body);
      answer(options, json, ruleTable([json]));
    });
  declare(
    group,
    'remove <project> <rule>',
    'trusts these jobs no more: at once',
    'berth federation remove my-project main',
  )
    .addOption(forceOption())
    .action(async (project: string, id: string, options: CommonOptions & ForceOption) => {
      const registry = await open(session, options);
      const path = `${projectPath(project, 'federation', id)}${forceQuery(options)}`;
      await registry.call('DELETE', path);
      answer(options, { project, rule: id, removed: true }, `Removed ${shown(id)} from ${project}`);
    });
}

function declareRule(group: Command, usage: string, description: string, example: string): Command {
  return declare(group, usage, description, example)
    .option('--issuer <url>', 'who signs the tokens: https://…, github or gitlab')
    .option('--audience <audience>', 'whom the tokens are for; by default the registry')
    .option(
      '--claim <name=pattern>',
      'a claim that must match: * stands for any characters but / and :, ** for any; may be repeated',
      collect,
    )
    .addOption(roleOption())
    .option('--prefix <prefix>', 'only in repositories below this: my-project/backend');
}

function changesIn({ issuer, audience, claim, role, prefix }: RuleOptions) {
  const url = issuer !== undefined && Object.hasOwn(issuers, issuer) ? issuers[issuer] : issuer;
  return {
    ...(url === undefined ? {} : { issuer: url }),
    ...(audience === undefined ? {} : { audience: audience === false ? null : audience }),
    ...(claim === undefined ? {} : { claims: Object.fromEntries(claim.map(readClaim)) }),
    ...(role === undefined ? {} : { role }),
    ...(prefix === undefined ? {} : { prefix: prefix === false ? null : prefix }),
  };
}

function readClaim(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw wrongUsage(`${shown(text, 100)} is no claim: write NAME=PATTERN`);
  return [text.slice(0, at), text.slice(at + 1)];
}

async function findRule(registry: Registry, project: string, id: string) {
  const { json } = await registry.call('GET', projectPath(project, 'federation'));
  const rule = rulesIn(json).find((one) => asRecord(one)['id'] === id);
  if (rule !== undefined) return asRecord(rule);
  throw new Failure(
    `there is no rule ${shown(id, 100)}: berth federation list ${project}`,
    exitCodes.notThere,
  );
}

function rulesIn(json: unknown): readonly unknown[] {
  const { rules } = asRecord(json);
  if (Array.isArray(rules)) return rules;
  throw new Failure('the registry answered without rules');
}

function ruleTable(rules: readonly unknown[]): string {
  const rows = rules.map((one) => {
    const { id, issuer, audience, claims, role, prefix } = asRecord(one);
    const shownClaims = Object.entries(asRecord(claims)).map(([name, value]) => `${name}=${value}`);
    return [
      asText(id) ?? '',
      asText(issuer) ?? '',
      shownClaims.join(' '),
      asText(role) ?? '',
      asText(prefix) ?? '',
      asText(audience) ?? '',
    ];
  });
  const head = ['RULE', 'ISSUER', 'CLAIMS', 'ROLE', 'PREFIX', 'AUDIENCE'];
  return table(head, rows, terminalColumns());
}
