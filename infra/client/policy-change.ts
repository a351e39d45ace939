// Changes of a policy's bindings.

import { asList, asRecord, asText } from './json-values.ts';

export interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly prefix?: string;
}

export interface Policy {
  readonly etag: string;
  readonly bindings: readonly Binding[];
  readonly writersDelete: boolean;
  /** Left out, it stays as it is. */
  readonly gcrDeletes?: boolean;
}

/** What a registry answered, as a policy; `undefined` when it is none. */
export function readPolicy(json: unknown): Policy | undefined {
  const { etag, bindings, writersDelete, gcrDeletes } = asRecord(json);
  const read = readBindings(bindings);
  if (typeof etag !== 'string' || read === undefined) return undefined;
  return {
    etag,
    bindings: read,
    writersDelete: writersDelete === true,
    ...(typeof gcrDeletes === 'boolean' ? { gcrDeletes } : {}),
  };
}

/** @returns `undefined` when one is no binding: a policy that was half understood must not be written back */
export function readBindings(value: unknown): readonly Binding[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const read = value.flatMap((one) => {
    const { role, members, prefix } = asRecord(one);
    const name = asText(role);
    const texts = asList(members).filter((member) => typeof member === 'string');
    if (name === undefined || !Array.isArray(members) || texts.length !== members.length) return [];
    if (prefix === undefined) return [{ role: name, members: texts }];
    return typeof prefix === 'string' ? [{ role: name, members: texts, prefix }] : [];
  });
  return read.length === value.length ? read : undefined;
}

/** Adds members. @returns `undefined` when all are there already */
export function addMembers(
  bindings: readonly Binding[],
  { role, members, prefix }: Binding,
): readonly Binding[] | undefined {
  const same = (binding: Binding) => binding.role === role && binding.prefix === prefix;
  const there = new Set(bindings.filter(same).flatMap((binding) => binding.members));
  const missing = [...new Set(members)].filter((member) => !there.has(member));
  if (missing.length === 0) return undefined;
  const at = bindings.findIndex(same);
  if (at === -1) {
    return [...bindings, { role, members: missing, ...(prefix === undefined ? {} : { prefix }) }];
  }
  return bindings.map((binding, index) =>
    index === at ? { ...binding, members: [...binding.members, ...missing] } : binding,
  );
}

/** Removes members, and bindings that have none left. @returns `undefined` when none of them is there */
export function removeMembers(
  bindings: readonly Binding[],
  { role, members, prefix }: Binding,
): readonly Binding[] | undefined {
  const gone = new Set(members);
  let removed = 0;
  const left = bindings.flatMap((binding) => {
    if (binding.role !== role || binding.prefix !== prefix) return [binding];
    const staying = binding.members.filter((member) => !gone.has(member));
    removed += binding.members.length - staying.length;
    return staying.length === 0 && binding.members.length > 0
      ? []
      : [{ ...binding, members: staying }];
  });
  return removed === 0 ? undefined : left;
}
