// How tools that were made for gcr.io read its messages: what each takes, and what it does about it. Their rules, told in
// our words, after their sources:
//
//   Keel       keel-hq/keel trigger/pubsub/pubsub.go (callback), manager.go (isGoogleContainerRegistry), util/image
//   Spinnaker  spinnaker.github.io "Pub/Sub messages" and "Artifacts from Pub/Sub": the Jinja template of messageFormat GCR
//   Argo CD    argoproj-labs/argocd-image-updater pkg/webhook/pubsub.go
//   Flux       fluxcd/notification-controller internal/server/receiver_handlers.go (GCRReceiver)

interface Told {
  readonly action?: string;
  readonly digest?: string;
  readonly tag?: string;
}

/** Pub/Sub's envelope, as it is pushed. */
interface Pushed {
  readonly message?: {
    readonly data?: unknown;
    readonly messageId?: unknown;
    readonly publishTime?: unknown;
  };
}

// The grammar of references, docker/distribution reference/regexp.go.
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const domain = `${label}(?:\\.${label})*(?::[0-9]+)?`;
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const reference = new RegExp(
  `^((?:${domain}/)?${component}(?:/${component})*)(?::(\\w[\\w.-]{0,127}))?$`,
);

/**
 * Keel updates deployments by INSERTs with a tag, which must be a reference. It subscribes to the topic only where it
 * follows an image of a registry whose name says that it is Google's.
 */
export function keel(data: string): { readonly image: string; readonly tag: string } | undefined {
  const { action, tag } = JSON.parse(data) as Told;
  if (action !== 'INSERT' || tag === undefined || tag === '') return undefined;
  const [, image = '', name = 'latest'] = reference.exec(tag) ?? [];
  const [host = '', ...rest] = image.split('/');
  // What has neither a dot nor a colon is Docker Hub's, unless it is this machine.
  const hasHost = rest.length > 0 && (/[.:]/.test(host) || host === 'localhost');
  return hasHost ? { image, tag: name } : undefined;
}

export function keelSubscribes(host: string): boolean {
  return /(gcr\.io|pkg\.dev)/.test(host);
}

/** Spinnaker starts a pipeline where each constraint is met, with the artifact that the template makes of the message. */
export function spinnaker(data: string, constraints: Readonly<Record<string, RegExp>>) {
  const told = JSON.parse(data) as Readonly<Record<string, string | undefined>>;
  for (const [key, pattern] of Object.entries(constraints)) {
    if (!pattern.test(told[key] ?? '')) return undefined;
  }
  const { digest = '' } = told;
  const split = digest.split('@');
  return { reference: digest, name: split[0], version: split[1], type: 'docker/image' };
}

/** Argo CD Image Updater: `ignored` is acknowledged; `refused` is not, and comes again. It takes a push in Pub/Sub's envelope or without. */
export function argoImageUpdater(body: string) {
  const { message } = JSON.parse(body) as Pushed;
  const data =
    typeof message?.data === 'string' ? Buffer.from(message.data, 'base64').toString() : body;
  const { action = '', digest = '', tag = '' } = JSON.parse(data) as Told;
  if (action !== '' && action !== 'INSERT') return 'ignored';
  const [path = '', hash] = digest.split('@');
  const slash = path.indexOf('/');
  if (slash < 0) return 'refused';
  const [registry, repository] = [path.slice(0, slash), path.slice(slash + 1)];
  if (!/(-docker\.pkg\.dev|\.gcr\.io|^gcr\.io)$/.test(registry)) return 'refused';
  return { registry, repository, tag, digest: hash };
}

/** Flux reconciles after any message in Pub/Sub's envelope that brings Google's token, whose check is left out here. */
export function flux(body: string, authorization: string | undefined): Told | 'refused' {
  if (!/^Bearer ./.test(authorization ?? '')) return 'refused';
  const { message } = JSON.parse(body) as Pushed;
  // Go reads these as texts, and the time as RFC 3339 or not at all.
  const { data, messageId, publishTime } = message ?? {};
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
  if (typeof data !== 'string' || typeof messageId !== 'string') return 'refused';
  if (typeof publishTime !== 'string' || !time.test(publishTime)) return 'refused';
  return JSON.parse(Buffer.from(data, 'base64').toString()) as Told;
}
