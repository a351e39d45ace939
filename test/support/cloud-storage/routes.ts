// Which operation a request asks for, by method, path and query: the JSON API's under /storage/v1, /upload/storage/v1
// and /download/storage/v1, and the XML API's, which is all the rest.

export interface Route {
  readonly operation: string;
  /** What the path names, decoded; empty where it names none. */
  readonly bucket: string;
  readonly object: string;
  readonly toBucket: string;
  readonly toObject: string;
}

const bucket = '/b/(?<bucket>[^/]+)';
const object = `${bucket}/o/(?<object>[^/]+)`;

/** Operations as the reference names them: method, path behind the prefix. */
const operations: readonly (readonly [operation: string, method: string, path: RegExp])[] = [
  ['buckets.insert', 'POST', /^\/b$/],
  ['buckets.get', 'GET', new RegExp(`^${bucket}$`)],
  ['buckets.patch', 'PATCH', new RegExp(`^${bucket}$`)],
  ['buckets.delete', 'DELETE', new RegExp(`^${bucket}$`)],
  ['buckets.testIamPermissions', 'GET', new RegExp(`^${bucket}/iam/testPermissions$`)],
  ['objects.list', 'GET', new RegExp(`^${bucket}/o$`)],
  ['objects.get', 'GET', new RegExp(`^${object}$`)],
  ['objects.patch', 'PATCH', new RegExp(`^${object}$`)],
  ['objects.delete', 'DELETE', new RegExp(`^${object}$`)],
  ['objects.compose', 'POST', new RegExp(`^${object}/compose$`)],
  [
    'objects.rewrite',
    'POST',
    new RegExp(`^${object}/rewriteTo/b/(?<toBucket>[^/]+)/o/(?<toObject>[^/]+)$`),
  ],
  [
    'objects.copy',
    'POST',
    new RegExp(`^${object}/copyTo/b/(?<toBucket>[^/]+)/o/(?<toObject>[^/]+)$`),
  ],
  ['objects.move', 'POST', new RegExp(`^${object}/moveTo/o/(?<toObject>[^/]+)$`)],
];

const uploads: Readonly<Record<string, string>> = {
  'POST media': 'objects.insert',
  'POST multipart': 'objects.insert.multipart',
  'POST resumable': 'uploads.start',
};

/**
 * @param path as it was sent, without the query
 * @returns the operation `none` for what there is not
 */
export function routeOf(method: string, path: string, query: URLSearchParams): Route {
  const upload = /^\/upload\/storage\/v1\/b\/(?<bucket>[^/]+)\/o$/.exec(path);
  if (upload !== null) {
    return route(uploadOperation(method, query), upload.groups);
  }
  // With STORAGE_EMULATOR_HOST the SDK leaves /storage/v1 out; no bucket is called `b`.
  const [, rest] = /^(?:\/download)?(?:\/storage\/v1)?(\/b(?:\/.*)?)$/.exec(path) ?? [];
  if (rest !== undefined) {
    for (const [operation, itsMethod, form] of operations) {
      const match = itsMethod === method ? form.exec(rest) : null;
      if (match === null) continue;
      const isMedia = operation === 'objects.get' && query.get('alt') === 'media';
      return route(isMedia ? 'objects.getMedia' : operation, match.groups);
    }
    return route('none');
  }
  const xml = /^\/(?<bucket>[^/]+)\/(?<object>.+)$/.exec(path);
  if (xml === null || !['GET', 'HEAD'].includes(method)) return route('none');
  return route('xml.getObject', xml.groups);
}

function uploadOperation(method: string, query: URLSearchParams): string {
  if (query.get('upload_id') === null)
    return uploads[`${method} ${query.get('uploadType')}`] ?? 'none';
  if (method === 'DELETE') return 'uploads.cancel';
  return method === 'PUT' ? 'uploads.put' : 'none';
}

function route(operation: string, groups: Record<string, string> = {}): Route {
  // What is no percent-encoding names nothing.
  if (Object.values(groups).some((text) => decoded(text) === undefined)) return route('none');
  const name = (group: string) => decoded(groups[group] ?? '') ?? '';
  return {
    operation,
    bucket: name('bucket'),
    object: name('object'),
    toBucket: name('toBucket'),
    toObject: name('toObject'),
  };
}

function decoded(text: string | undefined): string | undefined {
  try {
    return decodeURIComponent(text ?? '');
  } catch {
    return undefined;
  }
}
