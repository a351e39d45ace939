// Every limit of the registry, in one place. What is over a limit is refused with a message that names it.

/** A repository's name. Clients cut the whole of host, slash and name at 255 (specification, note on `<name>`). */
export const nameCharactersMax = 255;

/** A request's path and query together. */
export const urlCharactersMax = 8 * 1024;

/** All headers of a request together. A token that names many scopes is a few KiB. */
export const headerBytesMax = 64 * 1024;

/** A manifest. The specification asks for at least 4 MB. */
export const manifestBytesMax = 4 * 1024 * 1024;

/** A manifest up to this size lies in its document; a larger one is a blob of its own. */
export const manifestInlineBytesMax = 512 * 1024;

/** Descriptors in a manifest: one transaction checks and records them all. */
export const descriptorsMax = 1000;

/** How deep a manifest's JSON may nest. */
export const nestingMax = 100;

/** Annotations of a manifest that has a subject: they are repeated in the list of referrers. */
export const referrerAnnotationsBytesMax = 512 * 1024;

/** A config blob that is read for the image's platform and creation time. Larger ones are not looked into. */
export const configBytesMax = 1024 * 1024;

/** `?tag=` parameters of one manifest PUT. The specification: "registries MUST support … at least 10". */
export const tagParametersMax = 100;

/** Entries of one page of tags or repositories. A larger `n` is answered with so many and a Link. */
export const pageEntriesMax = 10_000;

/** Entries of one page of the catalog when the client names no `n`. */
export const catalogPageDefault = 1000;

/** Referrers on one page, and the bytes of that page (specification: "4 MiB"). */
export const referrersPageMax = 1000;
export const referrersPageBytesMax = 4 * 1024 * 1024;

/** Scopes in one request for a token. */
export const scopesMax = 100;

/** A form posted to the token endpoint. */
export const formBytesMax = 64 * 1024;

/** How long a token is good for. Clients ask for another when it is not. */
export const tokenSeconds = 15 * 60;

/** The age of an upload session at which it is forgotten, with what it received. */
export const sessionSecondsMax = 24 * 60 * 60;

/** PATCH requests in one upload session: each is a part, and parts are joined when it closes. */
export const sessionPartsMax = 10_000;

/** How long a client that was told "you need not upload this" may rely on it. */
export const leaseSeconds = 24 * 60 * 60;

/** A lease with more than this left is not written anew, so that most HEADs are one plain read. */
export const leaseRenewSeconds = 12 * 60 * 60;

/**
 * How long a condemned blob waits before it is deleted. Longer than any request may last (an hour,
 * where Berth is deployed), so that an upload which found the blob alive finds it alive when it ends.
 */
export const graceSeconds = 2 * 60 * 60;

/** Repositories that are looked through for a blob to mount when the client names no source. */
export const mountSourcesMax = 100;

/** Reviews that one run of the collector takes up. */
export const reviewsPerRunMax = 10_000;

/** Changes of one repository that are published in one call: read as at one moment. Pub/Sub takes 1,000 and 10 MB. */
export const relayBatchMax = 400;

/** Such calls in one run of the relay. */
export const relayBatchesMax = 25;

/** How long a relay that says nothing keeps others from its repository: longer than one batch may take. */
export const relayLeaseSeconds = 60;

/** Repositories that one sweep of the outbox takes up, and how many side by side. */
export const sweepRepositoriesMax = 1000;
export const relaysAtOnce = 8;

/** A body left unread that is drained, so that the connection can be used again; above, it is closed. */
export const drainBytesMax = 1024 * 1024;
