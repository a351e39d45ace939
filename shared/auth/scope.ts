// Scopes: what a token is asked for (Docker token specification, "Token Scope": `type:name:action,action`).

export type Action = 'pull' | 'push' | 'delete';

export interface Scope {
  /** `repository`, `registry` or `project`; others are never granted. */
  readonly type: string;
  readonly name: string;
  /** As they were asked for; `*` means all that may be granted. */
  readonly actions: readonly string[];
}

/** All actions on a repository. */
export const repositoryActions: readonly Action[] = ['pull', 'push', 'delete'];

/** The action on a project, of the type `project`: to change its policy, its robots and rules, and to read its audit. */
export const adminAction = 'admin';

/** The catalog's name, of the type `registry`. */
export const catalogName = 'catalog';

/**
 * The scopes of `scope` parameters, which may repeat and may each hold several, joined by spaces
 * (containerd). What is not a scope is left out: a token is then good for less, which is never wrong.
 */
export function parseScopes(parameters: readonly string[]): Scope[] {
  return parameters
    .flatMap((parameter) => parameter.split(' '))
    .flatMap((text) => {
      const [first, last] = [text.indexOf(':'), text.lastIndexOf(':')];
      if (first < 1 || last <= first) return [];
      // `repository(plugin):…`: the class in brackets is no part of the type.
      const [type = ''] = text.slice(0, first).split('(', 1);
      const actions = text
        .slice(last + 1)
        .split(',')
        .filter((action) => action !== '');
      return [{ type, name: text.slice(first + 1, last), actions }];
    });
}

export function formatScope({ type, name, actions }: Scope): string {
  return `${type}:${name}:${actions.join(',')}`;
}

/** Whether scopes that were granted or refused have that action on what is called so. */
export function includes(
  scopes: readonly Scope[],
  action: string,
  { type, name }: Pick<Scope, 'type' | 'name'>,
): boolean {
  return scopes.some(
    (scope) => scope.type === type && scope.name === name && scope.actions.includes(action),
  );
}
