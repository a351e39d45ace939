// The admin API's description (OpenAPI 3.1.1), made of the route table and the schemas.

import { functionOf, type Route, routes } from '#functions/routes.ts';
import { errorCodes } from '#shared/oci/errors.ts';
import { adminBodyBytesMax } from '#shared/oci/limits.ts';
import { type AdminAction, type Operation, operations } from './operations.ts';
import {
  answerHeaders,
  ifMatch,
  type Parameter,
  pathParameters,
  queryParameters,
} from './parameters.ts';
import { componentSchemas, reference, type SchemaName } from './schemas.ts';

/** The document as it is kept and served. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;
}

function openApiDocument(): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Berth’s admin API',
      version: '1',
      summary: 'Who may do what in the projects of a registry.',
      description:
        'Every request but that for this description is made by somebody: with a token (Bearer), which the token endpoint /v2/token issues for the scope project:PROJECT:admin, or with a username and a password (Basic). A 401 says where to get a token, and for what. Times are RFC 3339’s. What is not described here is not to be relied on, and may be added.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { basic: [] }],
    paths: pathsOf(routes.filter((route) => functionOf(route) === 'admin')),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        basic: { type: 'http', scheme: 'basic' },
      },
    },
  };
}

function pathsOf(served: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { path, methods, run, needs } of served) {
    const item = paths[path] ?? {};
    paths[path] = item;
    for (const method of methods) {
      item[method.toLowerCase()] = describe(run as AdminAction, path, needs === 'nothing');
    }
  }
  return paths;
}

function describe(run: AdminAction, path: string, isPublic: boolean): object {
  const operation: Operation = operations[run];
  const { summary, description, body } = operation;
  const parameters = parametersOf(operation, path);
  return {
    operationId: run.slice('admin/'.length),
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: body !== 'NewSecret', content: jsonOf(reference(body)) } }),
    responses: answersOf(operation, path, isPublic),
    ...(isPublic ? { security: [] } : {}),
  };
}

function parametersOf({ query = [], ifMatch: isMatched }: Operation, path: string): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const parameter: Parameter | undefined = pathParameters[name as keyof typeof pathParameters];
    if (parameter === undefined) throw new Error(`nothing is said of {${name}}`);
    return { name, in: 'path', required: true, ...parameter };
  });
  const inQuery = query.map((name) => ({ name, in: 'query', ...queryParameters[name] }));
  return [
    ...inPath,
    ...inQuery,
    ...(isMatched === true ? [{ name: 'If-Match', in: 'header', ...ifMatch }] : []),
  ];
}

/** Status → why. */
const refusals: Readonly<Record<number, string>> = {
  400: 'What was sent is not what is asked for: the message says where.',
  401: 'Nobody, or not with a token for this: WWW-Authenticate says where to get one.',
  403: 'The caller does not own the project.',
  404: 'There is no such thing in the project.',
  409: 'There is such a thing already, or there are too many.',
  412: 'Somebody else changed it meanwhile: read it again, and change that.',
  413: `The body is larger than ${adminBodyBytesMax} bytes.`,
  415: 'The body is said to be no JSON.',
  429: 'Too many requests: Retry-After says when to go on.',
};

function answersOf(operation: Operation, path: string, isPublic: boolean): object {
  const { answer, headers = [], refusals: own = [] } = operation;
  const [status, schema] = answer;
  const isOfProject = path.includes('{project}');
  const shared = isPublic ? [] : [401, ...(isOfProject ? [400, 403] : []), 429];
  const refused = [...new Set([...own, ...shared])].sort((a, b) => a - b);
  return {
    [status]: {
      description: operation.summary,
      ...(headers.length === 0
        ? {}
        : { headers: Object.fromEntries(headers.map((name) => [name, answerHeaders[name]])) }),
      ...(schema === undefined ? {} : { content: jsonOf(contentSchema(schema)) }),
    },
    ...(isPublic ? { 304: { description: 'What was read before is this very description.' } } : {}),
    ...Object.fromEntries(
      refused.map((code) => [
        code,
        {
          description: refusals[code] ?? errorCodes.UNSUPPORTED.meaning,
          ...(code === 401 ? { headers: { 'WWW-Authenticate': challenge } } : {}),
          content: jsonOf(reference('Errors')),
        },
      ]),
    ),
  };
}

const challenge: Parameter = {
  description: 'Where to get a token, and for what scope.',
  schema: { type: 'string' },
};

function contentSchema(schema: SchemaName | 'OpenApi'): object {
  return schema === 'OpenApi' ? { type: 'object' } : reference(schema);
}

function jsonOf(schema: object): object {
  return { 'application/json': { schema } };
}
