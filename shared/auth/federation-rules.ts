import type { FederatedPrincipal, Role } from './principal.ts';
export interface FederationRule {
  readonly id: string;
  readonly issuer: string;
  readonly audience?: string | undefined;
  readonly claims: Readonly<Record<string, string>>;
  readonly role?: Role | undefined;
  readonly prefix?: string | undefined;
}
export function matchesRule(
  rule: FederationRule,
  principal: FederatedPrincipal,
  audiences: readonly string[],
): boolean {
  if (rule.issuer !== principal.issuer) return false;
  const wanted = rule.audience === undefined ? audiences : [rule.audience];
  if (!wanted.some((one) => principal.audiences.includes(one))) return false;
  const claims: Record<string, string> = { ...principal.claims, sub: principal.subject };
  return Object.entries(rule.claims).every(([claim, pattern]) => claims[claim] === pattern);
}
