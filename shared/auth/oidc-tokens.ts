import type { FederatedPrincipal } from './principal.ts';
export interface OidcTokens {
  verify(
    token: string,
    isTrusted: (issuer: string) => Promise<boolean>,
  ): Promise<{ principal: FederatedPrincipal; expiresAt: number } | undefined>;
}
export function issuerOf(_token: string): string | undefined {
  return undefined;
}
