// Who is asking.

export type Role = 'owner' | 'writer' | 'reader';

export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'admin' }
  | {
      readonly kind: 'robot';
      readonly name: string;
      readonly project: string;
      readonly role: Role;
      /** Only repositories that begin so, inside the project. */
      readonly prefix?: string | undefined;
    }
  | {
      readonly kind: 'federated';
      /** As its ID token names it, with `https://`. */
      readonly issuer: string;
      readonly subject: string;
      readonly audiences: readonly string[];
      readonly claims: Readonly<Record<string, string>>;
    };

export const anonymous: Principal = { kind: 'anonymous' };

/** How a principal is written in a token, in a tag's history and in logs. */
export function principalName(principal: Principal): string {
  if (principal.kind === 'federated') {
    return `principal://${principal.issuer.replace(/^https:\/\//, '')}/${principal.subject}`;
  }
  return principal.kind === 'robot'
    ? `robot:${principal.name}@${principal.project}`
    : principal.kind === 'admin'
      ? 'user:admin'
      : 'anonymous';
}
