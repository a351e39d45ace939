// Who is asking.

export type Role = 'owner' | 'writer' | 'reader';

export type Robot = {
  readonly kind: 'robot';
  readonly name: string;
  readonly project: string;
  readonly role: Role;
  /** Only this repository and those below it, inside the project. */
  readonly prefix?: string | undefined;
};

/** An account of Google's. */
export type GooglePrincipal = {
  readonly kind: 'google';
  readonly type: 'user' | 'serviceAccount';
  /** Lower-case, and verified by Google; absent where what was shown does not tell it. */
  readonly email?: string | undefined;
  /** Google's own number for the account. */
  readonly id?: string | undefined;
  /** The scopes of what was shown allow no writing. */
  readonly pullOnly?: boolean | undefined;
};

/** Whom an issuer of OpenID Connect vouches for: a CI job, say. */
export type FederatedPrincipal = {
  readonly kind: 'federated';
  /** The issuer's URL, exactly as its tokens have it. */
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
};

export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'admin' }
  | Robot
  | GooglePrincipal
  | FederatedPrincipal;

export const anonymous: Principal = { kind: 'anonymous' };

/** How a principal is written in a token, in a tag's history, in audits and in logs. */
export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case 'anonymous':
      return 'anonymous';
    case 'admin':
      return 'user:admin';
    case 'robot':
      return `robot:${principal.name}@${principal.project}`;
    case 'google':
      return `${principal.type}:${principal.email ?? principal.id ?? 'unknown'}`;
    case 'federated':
      return `principal://${withoutScheme(principal.issuer)}/${principal.subject}`;
  }
}

/** An issuer as members name it: its URL without `https://`. */
export function withoutScheme(issuer: string): string {
  return issuer.replace(/^https:\/\//, '');
}
