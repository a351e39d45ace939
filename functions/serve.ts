// The one pipeline: parse → match the route → authorise → act → write the reply. The one catch for requests.

import { randomUUID } from 'node:crypto';
import { authorise, type Need, type Target } from '#shared/auth/access.ts';
import { Denied } from '#shared/auth/challenge.ts';
import { isProject, pathOfProject } from '#shared/auth/names.ts';
import { clientAddress } from '#shared/http/address.ts';
import { refuseFromElsewhere } from '#shared/http/browser.ts';
import type { Handler, Incoming, Outgoing } from '#shared/http/message.ts';
import { errorReply, type Reply, type ReplyProgress, writeReply } from '#shared/http/reply.ts';
import {
  ClientGone,
  type HttpRequest,
  parseRequest,
  type RequestBody,
} from '#shared/http/request.ts';
import { createRouter, type Match } from '#shared/http/router.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { nameCharactersMax } from '#shared/oci/limits.ts';
import { parseRepositoryName, projectOf, type RepositoryName } from '#shared/oci/reference.ts';
import { parseWebAddress, projectAt, type WebAddress } from '#shared/oci/web-address.ts';
import { StoreFull } from '#shared/ports/store-full.ts';
import { StoreRefused } from '#shared/ports/store-refused.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import type { Action } from './action.ts';
import {
  namesPage,
  namesProject,
  namesRepository,
  pageAction,
  plainAction,
  projectAction,
  repositoryAction,
} from './actions.ts';
import { auditLineOf } from './audit.ts';
import { routeMatcher } from './match.ts';
import { authoriseMirror } from './mirror-access.ts';
import { mirrorRoutes, type Route, type ServedRoute } from './routes.ts';
import type { Services } from './services.ts';
import { traceField } from './trace.ts';

/**
 * Makes the handler of a function, or of all of them together.
 * @param options.functions the functions whose routes it answers; all when left out
 */
export function serve(
  services: Services,
  options: { readonly functions?: readonly string[] } = {},
): Handler {
  const match = matcher(services, options.functions);
  return async (message, response) => {
    const exchange = beginExchange(services, message, response);
    try {
      response.setHeader('X-Request-Id', exchange.id);
      response.setHeader('Docker-Distribution-API-Version', 'registry/2.0');
      const reply = await answer(services, match, exchange).catch((thrown: unknown) => {
        const error = told(thrown);
        exchange.error = error;
        return failureOf(services, error, exchange);
      });
      exchange.actor = reply.actor ?? exchange.actor;
      audit(services, exchange, reply);
      await writeReply(message, response, reply, exchange);
    } catch (error) {
      // The headers are out: all that is left is to break off, so that nothing cut short looks whole.
      services.log('ERROR', 'a reply broke off', {
        requestId: exchange.id,
        ...traceField(exchange.trace),
        stack_trace: describe(error),
      });
      response.destroy();
    }
  };
}

/** A request's route: of its host, which is a mirror's or not, its method and its path. */
type Matcher = (request: HttpRequest) => {
  readonly match: Match<ServedRoute>;
  readonly isMirror: boolean;
};

function matcher(services: Services, functions: readonly string[] | undefined): Matcher {
  const match = routeMatcher(functions);
  const matchMirror = createRouter<ServedRoute>(mirrorRoutes);
  const mirrorsAll = functions?.includes('mirror') === true;
  return ({ host, method, path, headers }) => {
    const isMirror = mirrorsAll || services.mirror?.isMirror(host) === true;
    if (!isMirror) return { match: match(method, path, headers), isMirror };
    if (method === 'GET' || method === 'HEAD')
      return { match: matchMirror(method, path), isMirror };
    throw new RegistryError('UNSUPPORTED', {
      message: 'this host is a mirror: nothing but pulling is supported here',
      headers: { Allow: 'GET, HEAD' },
    });
  };
}

/** A request on its way through the pipeline, and what has become known of it. */
interface Exchange extends ReplyProgress {
  readonly id: string;
  readonly address: string;
  readonly trace: string | undefined;
  readonly message: Incoming;
  readonly response: Outgoing;
  request?: HttpRequest;
  route?: string;
  name?: RepositoryName;
  project?: string;
  matched?: { readonly route: Route; readonly params: Readonly<Record<string, string>> };
  actor?: string | undefined;
  /** What was thrown before there was an answer. */
  error?: unknown;
}

function beginExchange(services: Services, message: Incoming, response: Outgoing): Exchange {
  const started = performance.now();
  const id = randomUUID();
  // Asked for at once: a connection that is over no longer tells.
  const address = clientAddress(message, services.proxies);
  const trace = services.traceOf?.(message.headers);
  const exchange: Exchange = { id, address, trace, message, response, bytesSent: 0 };
  response.once('close', () => {
    services.observe({
      requestId: exchange.id,
      address,
      trace,
      method: message.method ?? '',
      route: exchange.route ?? 'none',
      name: exchange.name,
      // Who has gone before there was an answer was told nothing: 499, as other servers write it down.
      status: response.headersSent ? response.statusCode : 499,
      bytesReceived: exchange.request?.body.received() ?? 0,
      bytesSent: exchange.bytesSent,
      durationMs: performance.now() - started,
      actor: exchange.actor,
      aborted: !response.writableFinished,
    });
  });
  return exchange;
}

async function answer(services: Services, match: Matcher, exchange: Exchange): Promise<Reply> {
  const { message, address } = exchange;
  const request = parseRequest(message, { address, beforeBody: () => goOn(exchange) });
  exchange.request = request;
  const { match: matched, isMirror } = match(request);
  const { route, params } = matched;
  exchange.route = route.id;
  exchange.matched = { route, params };
  // A mirror's content lies under a location of its own.
  const location = isMirror ? services.locations[0] : locationOf(services, request, route);
  refuseFromElsewhere(request);
  const target = targetOf(route, params);
  const { name, project = name && projectOf(name) } = target;
  if (name !== undefined) exchange.name = name;
  if (project !== undefined) exchange.project = project;
  const authorised = () =>
    isMirror
      ? authoriseMirror(services, request)
      : authorise(services, request, needOf(route, target), target);
  const access = await authorised();
  exchange.actor = access.by;
  const body = route.needs === 'administer' ? checkedAfter(request.body, authorised) : request.body;
  const asked = { ...request, body, params, access, location, requestId: exchange.id };
  return act(services, route, asked, target);
}

/** A body may take its time, and who sends it may be no owner any more when it is there. */
function checkedAfter(body: RequestBody, authorised: () => Promise<unknown>): RequestBody {
  const bytes = async (max: number) => {
    const read = await body.bytes(max);
    await authorised();
    return read;
  };
  return { ...body, bytes };
}

/** What a route is about, and the page that it is. */
interface RouteTarget extends Target {
  readonly address?: WebAddress;
}

/** Of a project's page each is shown what he may pull: there is no right to the project itself. */
function needOf(route: Route, { address }: RouteTarget): Need {
  return address !== undefined && projectAt(address) !== undefined ? 'nothing' : route.needs;
}

/** Before the answer goes out: what was done is done, whether the client waits for it or not. */
function audit(services: Services, exchange: Exchange, reply: Reply): void {
  const { id, trace, request, matched, name, project, actor, error } = exchange;
  if (request === undefined || matched === undefined) return;
  const { address, query } = request;
  const known = { ...matched, query, repository: name, project, address, requestId: id };
  const line = auditLineOf({ ...known, actor, reply, error });
  if (line !== undefined)
    services.log(line.severity, 'audit', { ...line.fields, ...traceField(trace) });
  if (error instanceof Denied) exchange.actor = error.by;
}

/** 100 Continue, to who waits for it before sending the body: only now is it known that it will be read. */
function goOn({ message, response }: Exchange): void {
  if (message.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
}

async function act(
  services: Services,
  { run }: ServedRoute,
  request: Parameters<Action>[0],
  { name, project, address }: RouteTarget,
): Promise<Reply> {
  if (project !== undefined) return (await projectAction(run))({ ...request, project }, services);
  if (name === undefined) return (await plainAction(run))(request, services);
  const repository = repositoryAt(request.location, name);
  if (address !== undefined) {
    return (await pageAction(run))({ ...request, repository, page: address }, services);
  }
  return (await repositoryAction(run))({ ...request, repository }, services);
}

/** Of who looks after a process, and calls it by its address. */
const byAnyName: ReadonlySet<Need> = new Set(['probe', 'operate', 'platform']);

/** @throws RegistryError NAME_UNKNOWN when the host is none of the registry's */
function locationOf(services: Services, { host }: HttpRequest, { needs }: Route): string {
  const location = services.locationOf(host);
  if (location !== undefined) return location;
  if (byAnyName.has(needs)) return services.locations[0];
  throw new RegistryError('NAME_UNKNOWN', {
    message: `this registry is not called ${host}: check the host in the image's name, or have whoever runs it add it to BERTH_HOSTS`,
    detail: { host },
  });
}

/** What cannot be a name is to a person what is not there. */
function requireAddress(text: string): WebAddress {
  const address = parseWebAddress(text);
  if (address !== undefined) return address;
  throw new RegistryError('NAME_UNKNOWN', { message: 'there is nothing at this address' });
}

/** @throws RegistryError NAME_INVALID when what stands for a name or a project cannot be one */
function targetOf(route: Route, params: Readonly<Record<string, string>>): RouteTarget {
  if (namesPage(route)) {
    const address = requireAddress(params['page'] ?? '');
    return { name: address.name, address };
  }
  if (namesProject(route)) return { project: requireProject(params['project'] ?? '') };
  return namesRepository(route) ? { name: requireName(params['name'] ?? '') } : {};
}

/** A project as paths write it: that of a domain with a colon. */
function requireProject(text: string): string {
  const project = pathOfProject(text);
  if (isProject(project)) return project;
  throw new RegistryError('NAME_INVALID', {
    message:
      'not a project: lower-case letters and digits, with . _ - between them; one of a domain is written example.com:project',
    detail: { project: text.slice(0, nameCharactersMax) },
  });
}

function requireName(text: string): RepositoryName {
  const name = parseRepositoryName(text);
  if (name !== undefined) return name;
  throw new RegistryError('NAME_INVALID', {
    message: `not a repository's name: lower-case letters and digits, separated by . _ - and /, at most ${nameCharactersMax} characters`,
    detail: { name: text.slice(0, nameCharactersMax) },
  });
}

/** What is told of what a store refuses: it is not the client's doing, but the client is who can ask for help. */
function told(error: unknown): unknown {
  if (!(error instanceof StoreRefused)) return error;
  return new RegistryError(error.why === 'name' ? 'NAME_INVALID' : 'DENIED', {
    message: error.message,
  });
}

/** As a program reads it, or as a page to who asked for one. */
async function failureOf(services: Services, error: unknown, exchange: Exchange): Promise<Reply> {
  const reply = failure(services, error, exchange);
  const { request, matched } = exchange;
  if (request === undefined || matched?.route.accepts === undefined) return reply;
  const { failurePage } = await import('./console/failure.ts');
  return failurePage(reply, request);
}

function failure(services: Services, error: unknown, { id, trace, message }: Exchange): Reply {
  if (error instanceof RegistryError) return errorReply(error, id);
  // Nobody reads the answer.
  if (error instanceof ClientGone) return { status: 400 };
  services.log('ERROR', 'a request failed', {
    requestId: id,
    ...traceField(trace),
    method: message.method,
    path: message.url?.split('?', 1)[0],
    stack_trace: describe(error),
  });
  return error instanceof StoreFull
    ? ourFault(
        507,
        'the registry has no room left: ask who runs it; what is there can be pulled',
        id,
      )
    : ourFault(
        500,
        'something went wrong on our side: try again, and if it stays, report the request id',
        id,
      );
}

/** The specification has no code for what is not the client's doing. */
function ourFault(status: number, message: string, requestId: string): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ errors: [{ code: 'UNKNOWN', message, detail: { requestId } }] }),
  };
}

/** By the field `stack_trace`, Error Reporting finds lines that have the same cause, and tells of a new one. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
