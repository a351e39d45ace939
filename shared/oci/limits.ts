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

/** Manifests that one instance keeps, having read them: a pull by tag then costs one read. */
export const recentManifestBytesMax = 16 * 1024 * 1024;

/** Descriptors in a manifest: one transaction checks and records them all. */
export const descriptorsMax = 1000;

/** How deep a manifest's JSON may nest. */
export const nestingMax = 100;

/** Annotations of a manifest that has a subject: they are repeated in the list of referrers. */
export const referrerAnnotationsBytesMax = 512 * 1024;

/** A config blob that is read for the image's platform and creation time. Larger ones are not looked into. */
export const configBytesMax = 1024 * 1024;

/** Each part of a platform, as a config tells it: it is kept beside the manifest, for lists. */
export const platformCharactersMax = 100;

/** `?tag=` parameters of one manifest PUT. The specification: "registries MUST support … at least 10". */
export const tagParametersMax = 100;

/** Entries of one page of tags or repositories. A larger `n` is answered with so many and a Link. */
export const pageEntriesMax = 10_000;

/**
 * Manifests that the list of a repository tells of as gcr.io does, all in one answer; so many tags, and so many children, at
 * most. Of a repository with more it tells the tags alone, page by page. 50,000 are some 16 MB.
 */
export const listedEntriesMax = 50_000;

/** Lists of manifests that one instance keeps, as they are sent, where the store tells that nothing has changed. */
export const recentListingBytesMax = 32 * 1024 * 1024;

/** What keeps a manifest from being deleted, as one answer names it. */
export const danglingErrorsMax = 100;

/** Entries of one page of the catalog when the client names no `n`. */
export const catalogPageDefault = 1000;

/** Referrers on one page, and the bytes of that page (specification: "4 MiB"). */
export const referrersPageMax = 1000;
export const referrersPageBytesMax = 4 * 1024 * 1024;

/** Scopes in one request for a token, and projects that they name: the policy of each is read. */
export const scopesMax = 100;
export const projectsOfTokenMax = 20;

/** How long a token is good where IAM on a bucket decided: of what that takes away nobody is told. */
export const bucketTokenSeconds = 120;

/** A form posted to the token endpoint. */
export const formBytesMax = 64 * 1024;

/** A token, as long as it is: within {@link headerBytesMax}, beside all else that a client sends. */
export const tokenCharactersMax = 48 * 1024;

/** Tokens that an instance knows to be good, all together. */
export const verifiedTokensCharactersMax = 16 * 1024 * 1024;

/** How long a token is good for. Clients ask for another when it is not. */
export const tokenSeconds = 15 * 60;

/** An ID token, as it is sent. GitHub's and GitLab's are some 2 KiB. */
export const idTokenCharactersMax = 16 * 1024;

/** How long an ID token may be good for, from its issue. CI systems give minutes to hours. */
export const idTokenSecondsMax = 24 * 60 * 60;

/** How far an issuer's clock may be ahead of ours. */
export const issuerSkewSeconds = 60;

/** Of an ID token: its issuer, its subject, how many audiences it may have, and how long each. */
export const issuerCharactersMax = 256;
export const subjectCharactersMax = 1024;
export const audiencesMax = 20;
export const audienceCharactersMax = 256;

/** Of an ID token's other claims: each name, each value, and all that are kept. What is over is left out. */
export const claimNameCharactersMax = 64;
export const claimCharactersMax = 256;
export const claimsBytesMax = 4 * 1024;

/** Conditions of a federation rule, and each one's pattern. They are tried at a log-in, so all of them must be quick. */
export const ruleClaimsMax = 20;
export const patternCharactersMax = 1024;
export const patternWildcardsMax = 16;

/** What an issuer may take to tell its keys, all questions together, and the bytes of each answer. */
export const issuerAnswerMs = 5000;
export const issuerAnswerBytesMax = 256 * 1024;

/** Keys of one issuer, and issuers whose keys an instance remembers. */
export const issuerKeysMax = 50;
export const issuersRememberedMax = 200;

/** How long an issuer's keys are good without asking: where it does not say, and what is made of what it says. */
export const issuerKeysSeconds = 60 * 60;
export const issuerKeysSecondsMin = 5 * 60;
export const issuerKeysSecondsMax = 24 * 60 * 60;

/** How long the keys of an issuer that does not answer are relied on, and when the stored ones are written anew. */
export const issuerDownSecondsMax = 7 * 24 * 60 * 60;
export const issuerKeysStoredSeconds = 24 * 60 * 60;

/** An issuer is asked again after so long, whatever tokens name; and so often at most it is said that it does not answer. */
export const issuerPauseSeconds = 30;
export const issuerWarningSeconds = 60 * 60;

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

/** Of these, so many are read at once, of which the last may be due another day. */
export const reviewsAtOnce = 50;

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

/** How long a connection may take to send a request's headers, or to say which protocol it speaks. */
export const headersMs = 60_000;

/** How long a connection is kept on which nothing is asked. Load balancers keep theirs for 60 seconds. */
export const idleMs = 65_000;

/** How long nothing may be said in the midst of a request, ours or the client's turn: joining many chunks takes a while. */
export const silenceMs = 10 * 60 * 1000;

/** How long a connection that is over stays open for its client to read why. */
export const lastWordMs = 2000;

/** Requests at once on one connection of HTTP/2. More have to wait, or come on another. */
export const streamsMax = 100;

/**
 * Bytes of a request that HTTP/2 lets come before they are read, of one request and of all on a connection. A request
 * whose body waits for the store holds so much in memory at most.
 */
export const streamWindowBytes = 512 * 1024;
export const connectionWindowBytes = 8 * 1024 * 1024;

/** Fields in the headers of one request of HTTP/2. */
export const headerFieldsMax = 128;

/**
 * What a connection of HTTP/2 may take of memory for headers, and for answers that its other side does not read: above,
 * new requests are refused. Behind a load balancer a connection is many clients', so a few slow ones must not fill it.
 */
export const connectionMemoryMebibytesMax = 64;

/** Requests that a connection of HTTP/2 may take back: so many at once, and so many a second. Above, it is ended. */
export const resetStreamsBurst = 1000;
export const resetStreamsPerSecond = 33;

/** Requests beyond `streamsMax` and frames that make no sense, for which a connection of HTTP/2 is ended. */
export const refusedStreamsMax = 100;
export const invalidFramesMax = 1000;

/** Settings in one frame of HTTP/2, and pings that wait for their answer. */
export const settingsMax = 32;
export const unansweredPingsMax = 10;

/** A member of a binding, as it is written. */
export const memberCharactersMax = 1024;

/** Members that the bindings of one project name, all together, and the bindings: they are one document. */
export const membersMax = 1500;
export const bindingsMax = 500;

/** That document, as JSON: its members may be long. */
export const policyBytesMax = 512 * 1024;

/** Rules of federation in one project: they lie in the same document. */
export const federationRulesMax = 100;

/** How long a policy that was read is taken for what it is, and how many an instance keeps. */
export const recentSeconds = 10;
export const recentPoliciesMax = 1000;

/** Projects whose rules are looked through for somebody whom an issuer vouches for, and how many at once. */
export const trustingProjectsMax = 200;
export const policiesAtOnce = 20;

/** How often an instance looks for tokens that were revoked. */
export const revocationsReadSeconds = 30;

/** From when a revocation holds: longer than `recentSeconds`, and than clocks differ. With the above, under a minute. */
export const revocationSettleSeconds = 15;

/**
 * A body that is sent to the admin API, and how deep its JSON may nest. Less than `drainBytesMax`: who sends a little more
 * than this reads why it was refused.
 */
export const adminBodyBytesMax = 960 * 1024;
export const adminNestingMax = 20;

/** Projects on one page of a list, and how many of them are decided about side by side. */
export const projectsPageMax = 1000;
export const projectsAtOnce = 20;

/** Entries on one page of the audit when the client names no `n`. */
export const auditPageDefault = 50;

/** How long the audit of a project is kept. */
export const auditDays = 400;

/** What one entry of the audit keeps: tags, and what was changed, for a person. A push may have `tagParametersMax` tags. */
export const auditTagsMax = 100;
export const auditDetailCharactersMax = 2000;

/** Entries on one page of the audit, and how many are looked at for a page of those that are asked for. */
export const auditEntriesMax = 1000;
export const auditLookedAtMax = 2000;

/** What is shown as a Google credential: a service account's key as JSON is 2.5 KiB, a federated token up to 12. */
export const googleCredentialBytesMax = 16 * 1024;

/** How long Google may take to answer, and how much it may say. */
export const googleAnswerMs = 5000;
export const googleAnswerBytesMax = 256 * 1024;

/** How long an instance relies on what Google said: who a token is of, what one may do on a bucket, and a refusal. */
export const googleIdentitySecondsMax = 5 * 60;
export const googlePermissionsSecondsMax = 60;
export const googleRefusalSeconds = 10;

/** Answers of Google that one instance keeps, of each kind. */
export const googleAnswersMax = 10_000;

/**
 * Sets of published keys that one instance keeps; how long one is taken as it is, whatever Google's headers allow: the
 * signing keys of Google's own, and a service account's, where a key is taken away by deleting it; how long one that was
 * read serves while Google does not answer; and how soon it is asked again for a key that was not there.
 */
export const googleKeySetsMax = 1000;
export const googleKeysSecondsMax = 6 * 60 * 60;
export const serviceAccountKeysSecondsMax = 5 * 60;
export const googleKeysKeptSeconds = 24 * 60 * 60;
export const googleKeysAgainSeconds = 30;

/** How long a token that a service account signed itself may be good for (Google's own rule), and how clocks may differ. */
export const selfSignedSecondsMax = 60 * 60;
export const clockSkewSeconds = 60;
/** Entries of X-Forwarded-For that proxies in front of Berth may append. */
export const proxiesMax = 9;

/** A password that somebody chose. */
export const passwordBytesMax = 1024;

/** What computing one hash by scrypt may take of memory and in rounds (`p`), whatever its text says. */
export const scryptMemoryBytesMax = 64 * 1024 * 1024;
export const scryptRoundsMax = 4;

/** Hashes by scrypt that a process computes at once, and that wait for their turn: more are told to come again. */
export const scryptsAtOnce = 2;
export const scryptsWaitingMax = 32;

/** How long a password that was verified is known, and how many an instance knows. */
export const verifiedPasswordSeconds = 60;
export const verifiedPasswordsMax = 1000;

/**
 * Logins that may fail before the next one has to wait, as multiples of BERTH_FREE_FAILURES: of a name from a network, of a
 * network under any name, and of `admin` from anywhere. Then each failure doubles the wait, from a second to the longest.
 */
export const freeFailuresTimes = { pair: 1, network: 4, name: 20 };
export const freeFailuresMax = 10_000;
export const loginWaitSecondsMax = { pair: 5 * 60, network: 30, name: 5 };

/** Failures are forgotten when there was none for so long. */
export const failedLoginsSeconds = 15 * 60;

/** Of each of these, how many an instance keeps in mind, and how many logins wait there for those before them. */
export const failedLoginsKeptMax = 10_000;
export const loginsWaitingMax = 100;

/** How long credentials that were right let their holder past the failures of others, and how many are known. */
export const goodLoginSeconds = 24 * 60 * 60;
export const goodLoginsMax = 10_000;

/** How long a login waits for what other instances know of failures, and for telling them. */
export const sharedFailuresMs = 1000;

/** How long an instance takes what it has read of these for what they know. */
export const sharedFailuresReadMs = 2000;

/** What BERTH_REQUESTS_PER_SECOND may be at most; how much of a second's worth may come at once; and who is counted. */
export const requestsPerSecondMax = 1_000_000;
export const requestsBurstSeconds = 10;
export const requestRatesMax = 10_000;

/** Robots of one project, and secrets of one robot. */
export const robotsMax = 1000;
export const robotSecretsMax = 10;

/** How long a robot that has expired is still listed, and can be given more time. */
export const robotKeptDays = 30;

/** How long a refresh token is good that is not used; that is put off at most once a day. */
export const refreshTokenSeconds = 90 * 24 * 60 * 60;
export const refreshTokenExtendSeconds = 24 * 60 * 60;

/** How long a refresh token is good that was got by a job's token of an issuer. */
export const refreshTokenFederatedSeconds = 60 * 60;

/** How long one key signs before another does, and how many there are on one machine: one signs, all verify. */
export const signingKeyDays = 90;
export const signingKeysMax = 2;

/** For so long after a version was added to a secret, who starts may be given one of before: Secret Manager says hours. */
export const secretSettlesMs = 24 * 60 * 60 * 1000;
/** A key that signs addresses, and that no secret holds, may be one whose secret is just being kept, for so long. */
export const urlKeyUnknownMs = 60 * 60 * 1000;
/** A key is inactive for so long before it is deleted: Cloud Storage asks for three minutes. */
export const urlKeyInactiveMs = 10 * 60 * 1000;

/** Platforms that an index tells, kept for lists. */
export const indexPlatformsMax = 20;

/** Tags, manifests or repositories on one page for a browser. */
export const pageRowsMax = 100;

/** Tags of a repository up to which its page shows the newest first, for which all are read; of more it shows them by name. */
export const tagsSortedMax = 500;

/** Repositories that are looked through for a page of those that may be seen. */
export const repositoriesLookedAtMax = 1000;

/** Tags that are told of one manifest, in a list and on its own page. */
export const tagsOfManifestMax = 4;
export const tagsOfManifestPageMax = 100;

/** Of a manifest's annotations: how many its page shows, and how much of each. */
export const annotationsShownMax = 100;
export const annotationCharactersMax = 500;
