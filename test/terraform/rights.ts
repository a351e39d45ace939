// Who may do what in the cloud: what the code needs, said once more and by hand. The configuration is compared with it, and
// the stand-in for Cloud Storage holds each function to it.

/** Kind of bucket → account → permissions for objects, without `storage.objects.`. Who is not here may nothing. */
export const bucketRights: Readonly<
  Record<'blobs' | 'staging' | 'mirror', Readonly<Record<string, readonly string[]>>>
> = {
  blobs: {
    manifests: ['create', 'get', 'list'],
    blobs: ['create', 'get', 'list'],
    discovery: ['create', 'get', 'list'],
    uploads: ['create', 'get', 'list'],
    collector: ['delete', 'get', 'list'],
    urls: ['get'],
  },
  staging: { uploads: ['create', 'delete', 'get', 'list'] },
  mirror: {
    mirror: ['create', 'delete', 'get', 'list'],
    collector: ['delete', 'get', 'list'],
    urls: ['get'],
  },
};

const serving = [
  'admin',
  'blobs',
  'console',
  'discovery',
  'manifests',
  'mirror',
  'token',
  'uploads',
];

/** Secret → the accounts that read it. */
export const secretReaders: Readonly<Record<string, readonly string[]>> = {
  'token-key': ['keys', 'token'],
  'token-next-key': ['keys'],
  'token-public-keys': [...serving, 'keys'],
  'state-keys': ['keys', 'uploads'],
  'url-key': ['blobs', 'discovery', 'keys', 'manifests', 'mirror'],
  'url-next-key': ['keys'],
  'admin-hash': serving,
  'admin-password': [],
  'mirror-credentials': ['mirror'],
};

/** Secret → the accounts that add versions to it and destroy them. */
export const secretWriters: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  ['token-key', 'token-next-key', 'token-public-keys', 'state-keys', 'url-key', 'url-next-key'].map(
    (secret) => [secret, ['keys']],
  ),
);

export const databaseUsers = [...serving, 'collector', 'events'];
export const publishers = ['events'];

/** Everything that grants something, by the module where it stands: resource → the role and to whom, as expressions. */
export const grants: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  identities: {
    'google_storage_bucket_iam_member.rights':
      'local.bucket_roles[each.value.role] → local.members[each.value.account]',
    'google_secret_manager_secret_iam_member.readers':
      'roles/secretmanager.secretAccessor → local.members[each.value.account]',
    'google_secret_manager_secret_iam_member.keys_reads':
      'roles/secretmanager.secretAccessor → local.members["keys"]',
    'google_secret_manager_secret_iam_member.keys_writes':
      'roles/secretmanager.secretVersionManager → local.members["keys"]',
    'google_project_iam_member.keys_signs': 'roles/storage.hmacKeyAdmin → local.members["keys"]',
    'google_project_iam_member.database': 'roles/datastore.user → local.members[each.key]',
    'google_pubsub_topic_iam_member.publishers': 'roles/pubsub.publisher → local.members[each.key]',
    'google_project_iam_member.trigger': 'roles/eventarc.eventReceiver → local.members["trigger"]',
    'google_project_iam_member.release': 'each.key → local.members["release"]',
    'google_project_iam_member.builder_logs': 'roles/logging.logWriter → local.members["builder"]',
    'google_project_iam_member.builder_sources':
      'roles/storage.objectViewer → local.members["builder"]',
    'google_project_iam_member.operators': 'each.key → each.value',
    'google_service_account_iam_member.operators': 'each.key → each.value',
    'google_storage_bucket_iam_member.operators_sources': 'each.key → each.value',
    'google_secret_manager_secret_iam_member.operators':
      'roles/secretmanager.secretAccessor → each.key',
    'google_project_iam_member.observers': 'each.key → each.value',
  },
  events: {
    'google_project_iam_member.eventarc_agent':
      'roles/eventarc.serviceAgent → local.eventarc_agent',
    'google_pubsub_topic_iam_member.dead_letters': 'roles/pubsub.publisher → local.pubsub_agent',
    'google_pubsub_subscription_iam_member.subscriber':
      'roles/pubsub.subscriber → local.pubsub_agent',
  },
  functions: {
    'google_cloud_run_service_iam_member.invokers': 'roles/run.invoker → each.value.member',
  },
  release: {
    'google_storage_bucket_iam_member.releaser':
      'roles/storage.objectUser → serviceAccount:var.account',
    'google_artifact_registry_repository_iam_member.releaser':
      'roles/artifactregistry.reader → serviceAccount:var.account',
    'google_storage_bucket_iam_member.builder':
      'roles/storage.objectViewer → serviceAccount:var.builder',
    'google_artifact_registry_repository_iam_member.builder':
      'roles/artifactregistry.writer → serviceAccount:var.builder',
  },
};
