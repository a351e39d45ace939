import type { BucketPermission } from './bucket-policy.ts';
import type { GooglePrincipal } from './principal.ts';
export interface GoogleIdentity {
  readonly principal: GooglePrincipal;
  readonly expiresAt: number;
  permissionsOn(bucket: string): Promise<readonly BucketPermission[]>;
}
export interface GoogleIdentities {
  identify(credential: {
    readonly username?: string | undefined;
    readonly secret: string;
    readonly audiences: readonly string[];
  }): Promise<GoogleIdentity | undefined>;
  anonymousPermissionsOn(bucket: string): Promise<readonly BucketPermission[]>;
}
export function isGoogleUsername(username: string): boolean {
  return /^(_token|oauth2accesstoken|_dcgcr_(?:[0-9]+_)*token|_dcgcloud_token|gclouddockertoken|_json_key|_json_key_base64)$/.test(
    username,
  );
}
export function looksLikeGoogleBearer(token: string): boolean {
  return token.startsWith('ya29.');
}
