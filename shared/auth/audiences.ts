// For whom somebody else's token must have been made, to be good here (RFC 7519 section 4.1.3, RFC 8725 section 3.9).

/** @param host the one that a request names. @returns what `aud` may be; nothing where the host is not the registry's */
export type AudiencesOf = (host: string) => readonly string[];

const thisMachine = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/;

/**
 * The host of a request is what its client says. Whoever was given a token for `evil.example` could say that this registry
 * was called so: only hosts that the operator named count, or where none was named those of this machine.
 * @param hosts as clients call the registry, with a port where it has one
 */
export function audiencesFor(
  hosts: Pick<ReadonlyMap<string, unknown>, 'size' | 'has'>,
): AudiencesOf {
  return (host) => {
    const isOurs = hosts.size > 0 ? hosts.has(host) : thisMachine.test(host);
    return isOurs ? [`https://${host}`, `http://${host}`, host] : [];
  };
}
