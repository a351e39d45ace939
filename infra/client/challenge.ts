// The challenge of a registry: where its tokens are, and what one has to be for (RFC 6750 section 3, Docker token
// specification).

export interface Challenge {
  readonly realm: string;
  readonly service: string | undefined;
  readonly scope: string | undefined;
}

const charactersMax = 8 * 1024;

/** Reads a `WWW-Authenticate` header. @returns `undefined` when it asks for no token */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > charactersMax || !/^bearer /i.test(header)) {
    return undefined;
  }
  const parameters = new Map<string, string>();
  for (const [, name = '', value = ''] of header.matchAll(/([a-z_]+)="([^"]*)"/gi)) {
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  const realm = parameters.get('realm');
  if (realm === undefined) return undefined;
  return { realm, service: parameters.get('service'), scope: parameters.get('scope') };
}
