// The one pipeline: parse → match the route → authorise → act → write the reply. The one catch for requests.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { authorise } from '#shared/auth/access.ts';
import { errorReply, type Reply, writeReply } from '#shared/http/reply.ts';
import { type HttpRequest, parseRequest } from '#shared/http/request.ts';
import { createRouter } from '#shared/http/router.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { nameCharactersMax } from '#shared/oci/limits.ts';
import { parseRepositoryName, type RepositoryName } from '#shared/oci/reference.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { plainActions, repositoryActions } from './actions.ts';
import { type Route, routes } from './routes.ts';
import type { Services } from './services.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Makes the handler of a function, or of all of them together.
 * @param options.functions the functions whose routes it answers; all when left out
 */
export function serve(
  services: Services,
  options: { readonly functions?: readonly string[] } = {},
): Handler {
  const { functions } = options;
  const served = routes.filter(
    ({ run }) => functions === undefined || functions.includes(run.slice(0, run.indexOf('/'))),
  );
  const match = createRouter(served);
  return async (message, response) => {
    const id = randomUUID();
    response.setHeader('X-Request-Id', id);
    response.setHeader('Docker-Distribution-API-Version', 'registry/2.0');
    const reply = await answer(services, match, message).catch((error: unknown) =>
      failure(services, error, { id, message }),
    );
    try {
      await writeReply(message, response, reply);
    } catch (error) {
      // The headers are out: all that is left is to break off, so that nothing cut short looks whole.
      services.log('ERROR', 'a reply broke off', { requestId: id, error: describe(error) });
      response.destroy();
    }
  };
}

async function answer(
  services: Services,
  match: ReturnType<typeof createRouter<(typeof routes)[number]>>,
  message: IncomingMessage,
): Promise<Reply> {
  const request = parseRequest(message);
  const { route, params } = match(request.method, request.path);
  const name = nameOf(route, params);
  const access = await authorise(services, request, route.needs, name);
  return act(services, route, { ...request, params, access }, name);
}

function act(
  services: Services,
  route: (typeof routes)[number],
  request: HttpRequest & Parameters<NonNullable<(typeof plainActions)['token/issue']>>[0],
  name: RepositoryName | undefined,
): Promise<Reply> {
  const location = services.locationOf(request.host);
  const ofRepository = repositoryActions[route.run];
  if (name !== undefined && ofRepository !== undefined) {
    return ofRepository({ ...request, repository: repositoryAt(location, name) }, services);
  }
  const plain = plainActions[route.run];
  if (plain === undefined) throw new Error(`no action ${route.run}`);
  return plain(request, services);
}

function nameOf(
  { path }: Route,
  params: Readonly<Record<string, string>>,
): RepositoryName | undefined {
  if (!path.includes('{name}')) return undefined;
  const name = parseRepositoryName(params['name'] ?? '');
  if (name !== undefined) return name;
  throw new RegistryError('NAME_INVALID', {
    message: `not a repository's name: lower-case letters and digits, separated by . _ - and /, at most ${nameCharactersMax} characters`,
    detail: { name: params['name']?.slice(0, nameCharactersMax) },
  });
}

function failure(
  services: Services,
  error: unknown,
  { id, message }: { id: string; message: IncomingMessage },
): Reply {
  if (error instanceof RegistryError) return errorReply(error, id);
  // A client that went away caused this; nobody reads the answer.
  if (message.destroyed && !message.complete) return { status: 400 };
  services.log('ERROR', 'a request failed', {
    requestId: id,
    method: message.method,
    path: message.url?.split('?', 1)[0],
    error: describe(error),
  });
  return {
    status: 500,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      errors: [
        {
          code: 'UNKNOWN',
          message:
            'something went wrong on our side: try again, and if it stays, report the request id',
          detail: { requestId: id },
        },
      ],
    }),
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
