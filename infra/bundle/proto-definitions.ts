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
 * Methods of a service and the messages that they take and give, without all others.
 * @param service its whole name, with dots
 * @throws Error when one of them is not defined
 */
export function onlyMethods(
  definitions: Definition,
  service: string,
  names: readonly string[],
): Definition {
  const path = service.split('.');
  const methods = names.map((name) => {
    const method = find(definitions, path)?.methods?.[name];
    if (method === undefined) throw new Error(`there is no method ${service}.${name}`);
    return [name, method] as const;
  });
  const kept = new Map<string, Definition>([[service, { methods: Object.fromEntries(methods) }]]);
  const keep = (type: string, scope: readonly string[]) => {
    const place = placeOf(definitions, type, scope);
    if (place === undefined || kept.has(place.join('.'))) return;
    const { nested: _, ...own } = find(definitions, place) ?? {};
    kept.set(place.join('.'), own);
    for (const field of Object.values(own.fields ?? {})) keep(field.type, place);
  };
  for (const [, { requestType, responseType }] of methods) {
    keep(requestType, path);
    keep(responseType, path);
  }
  return only(definitions, [], kept);
}

/** What is kept, within the packages and messages that it lies in. */
function only(
  { nested = {} }: Definition,
  path: readonly string[],
  kept: ReadonlyMap<string, Definition>,
): Definition {
  const inside = Object.entries(nested)
    .map(([name, definition]) => [name, only(definition, [...path, name], kept)] as const)
    .filter(([, definition]) => Object.keys(definition).length > 0);
  return {
    ...kept.get(path.join('.')),
    ...(inside.length > 0 ? { nested: Object.fromEntries(inside) } : {}),
  };
}

/**
 * Where a type is defined that is named within a scope: the innermost that has it. `undefined` for `string` and the
 * like, which are not defined.
 */
function placeOf(
  definitions: Definition,
  type: string,
  scope: readonly string[],
): readonly string[] | undefined {
  const names = type.replace(/^\./, '').split('.');
  const places = scope.map((_, out) => [...scope.slice(0, scope.length - out), ...names]);
  return [...places, names].find((place) => find(definitions, place) !== undefined);
}

function find(definitions: Definition, place: readonly string[]): Definition | undefined {
  return place.reduce<Definition | undefined>((at, name) => at?.nested?.[name], definitions);
}
