// Definitions of messages and services, as protobufjs writes them in JSON: nested by package, messages within messages.

interface Definition {
  readonly nested?: Readonly<Record<string, Definition>>;
  /** Of a message. */
  readonly fields?: Readonly<Record<string, { readonly type: string }>>;
  /** Of a service. */
  readonly methods?: Readonly<
    Record<string, { readonly requestType: string; readonly responseType: string }>
  >;
}

/**
 * A service and the messages that its methods take and give, without all others.
 * @param name its whole name, with dots
 * @throws Error when it is not defined
 */
export function onlyService(definitions: Definition, name: string): Definition {
  const path = name.split('.');
  const service = find(definitions, path);
  if (service?.methods === undefined) throw new Error(`there is no service ${name}`);
  const used = new Set([name]);
  const use = (type: string, scope: readonly string[]) => {
    const found = resolve(definitions, type, scope);
    if (found === undefined || used.has(found.join('.'))) return;
    used.add(found.join('.'));
    const { fields = {} } = find(definitions, found) ?? {};
    for (const field of Object.values(fields)) use(field.type, found);
  };
  for (const { requestType, responseType } of Object.values(service.methods)) {
    use(requestType, path);
    use(responseType, path);
  }
  return only(definitions, [], used);
}

/** What is used, and the packages and messages that it lies in. */
function only(
  { nested = {}, ...own }: Definition,
  path: readonly string[],
  used: ReadonlySet<string>,
): Definition {
  const inside = Object.entries(nested)
    .map(([name, definition]) => [name, only(definition, [...path, name], used)] as const)
    .filter(([, definition]) => Object.keys(definition).length > 0);
  return {
    ...(used.has(path.join('.')) ? own : {}),
    ...(inside.length > 0 ? { nested: Object.fromEntries(inside) } : {}),
  };
}

/** Where a type is defined that is named within a scope: the innermost that has it. `undefined` for `string` and the like. */
function resolve(
  definitions: Definition,
  type: string,
  scope: readonly string[],
): readonly string[] | undefined {
  const names = type.replace(/^\./, '').split('.');
  const places = scope.map((_, depth) => [...scope.slice(0, scope.length - depth), ...names]);
  return [...places, names].find((place) => find(definitions, place) !== undefined);
}

function find(definitions: Definition, path: readonly string[]): Definition | undefined {
  return path.reduce<Definition | undefined>((at, name) => at?.nested?.[name], definitions);
}
