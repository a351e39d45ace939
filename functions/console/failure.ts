// What a browser shows where there is no page. Whether something is not there, or is not for who asks, is not told apart:
// who has logged in reads that there is nothing, and who has not is asked to.

import { h } from 'preact';
import type { Reply } from '#shared/http/reply.ts';
import type { HttpRequest } from '#shared/http/request.ts';
import { failureReply, type PageContent } from './document.ts';

interface Told {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

/**
 * The page instead of an error's answer.
 *
 * A browser is asked for a password by Basic (RFC 7617), which any of them has without a script. It keeps the password for
 * this host and sends it along whoever makes it ask something: pages change nothing, and what another site's page makes it
 * ask is refused (shared/http/browser.ts).
 */
export function failurePage({ status, headers = {}, body }: Reply, request: HttpRequest): Reply {
  const told = toldOf(status);
  const requestId = requestIdIn(body);
  const page: PageContent = {
    title: `${told.title}: ${request.host}`,
    content: [
      h('h1', null, told.title),
      h('p', { class: 'lead' }, told.text),
      status >= 500 && requestId !== undefined
        ? h('p', { class: 'note' }, 'Request id: ', h('code', null, requestId))
        : null,
    ],
  };
  const kept = { Allow: headers['Allow'], 'Retry-After': headers['Retry-After'] };
  const challenge =
    told.status === 401
      ? { 'WWW-Authenticate': `Basic realm="${request.host}", charset="UTF-8"` }
      : {};
  return failureReply(told.status, request, page, { ...kept, ...challenge });
}

function toldOf(status: number): Told {
  if (status === 401) {
    return {
      status,
      title: 'Log in to see this',
      text: 'There is nothing here that is public. If there is something for you, log in as at docker login: reload the page to be asked again.',
    };
  }
  if (status === 403 || status === 404) {
    return {
      status: 404,
      title: 'Nothing here',
      text: 'There is nothing at this address, or nothing that you may see.',
    };
  }
  if (status === 429) {
    return { status, title: 'Too many requests', text: 'Wait a moment, then try again.' };
  }
  if (status < 500) {
    return {
      status,
      title: 'Not understood',
      text: 'This address or request is not one that a page can answer.',
    };
  }
  return {
    status,
    title: 'Something went wrong',
    text: 'It is on our side. Try again; if it stays, report the request id.',
  };
}

function requestIdIn(body: Reply['body']): string | undefined {
  if (typeof body !== 'string') return undefined;
  const { errors } = JSON.parse(body) as { errors: { detail?: { requestId?: string } }[] };
  return errors[0]?.detail?.requestId;
}
