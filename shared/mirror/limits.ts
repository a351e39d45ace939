// Every limit of mirrors, in one place.

/** How many answers of redirects are followed to a mirrored blob, and how large the headers of each may be. */
export const mirrorRedirectsMax = 5;
export const mirrorHeaderBytesMax = 32 * 1024;

/** How long an upstream may take until its answer begins; and a request, where something older is at hand. */
export const mirrorAnswerMs = 10_000;
export const mirrorPatienceMs = 2000;

/** How long a whole manifest may take; how long a blob may stand still; and how slow it may be, over so long. */
export const mirrorManifestMs = 20_000;
export const mirrorSilenceMs = 30_000;
export const mirrorBytesPerSecondMin = 4 * 1024;
export const mirrorPaceMs = 60_000;

/** A blob that is mirrored; one whose size the upstream does not announce. */
export const mirrorBlobBytesMax = 64 * 1024 * 1024 * 1024;
export const mirrorUnannouncedBytesMax = 1024 * 1024 * 1024;

/** What is kept in memory of a blob that comes, for those that read it at the same time. */
export const mirrorWindowBytes = 2 * 1024 * 1024;

/** How long a blob that comes is held up: by the store, before it is given up there; by readers, where it is not stored. */
export const mirrorStoreMs = 30_000;
export const mirrorReaderMs = 60_000;

/** Of one upstream and in one instance: blobs that come at once, other questions at once, and how many wait for either. */
export const mirrorDownloadsMax = 16;
export const mirrorQuestionsMax = 32;
export const mirrorWaitingMax = 500;

/** Of all upstreams together: those that the operator named, and apart from them those that anybody did. */
export const mirrorDownloadsInAllMax = 48;
export const mirrorQuestionsInAllMax = 48;

/** How long one instance has the right to store a blob unless it says so again, and how long others wait for it. */
export const mirrorLeaseSeconds = 60;
export const mirrorLeaseRenewMs = 20_000;
export const mirrorLeaseWaitMs = 5000;
export const mirrorLeaseLookMs = 500;

/** How long it is remembered that something is not there, and of how much. */
export const mirrorMissSeconds = 60;
export const mirrorMissesMax = 10_000;

/** How long an upstream is not asked for what is at hand, once it has failed. */
export const mirrorFailingSeconds = 10;

/** How long an upstream is asked nothing that answered 429 (Retry-After within the last two, or the first). */
export const mirrorBusySeconds = 60;
export const mirrorBusySecondsMin = 1;
export const mirrorBusySecondsMax = 60 * 60;

/** Upstreams that an instance has in mind, and tokens for their repositories. */
export const mirrorUpstreamsMax = 1000;
export const mirrorTokensMax = 10_000;

/** A token's answer, and how long one is relied on: where it does not say, and whatever it says. */
export const mirrorTokenBytesMax = 64 * 1024;
export const mirrorTokenSeconds = 60;
export const mirrorTokenSecondsMax = 60 * 60;

/** How exactly it is known when something was last used: written no more often. */
export const mirrorUseSeconds = 24 * 60 * 60;

/** When a blob is looked after whose instance may have died before it was recorded. */
export const mirrorAbandonedSeconds = 24 * 60 * 60;

/** What the settings of mirrors may say: how long a tag is fresh, how many days something unused is kept. */
export const mirrorFreshSecondsMax = 7 * 24 * 60 * 60;
export const mirrorKeepDaysMax = 3650;
