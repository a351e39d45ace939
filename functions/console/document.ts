// A page: the document around what it shows, and the headers by which a browser runs nothing in it.
//
// Elements are made by preact's `h` and written by its renderer, so that any text is text and any attribute an attribute,
// whatever it holds. Names of elements and attributes are never anybody's.

import { createHash } from 'node:crypto';
import { type Attributes, type ComponentChildren, h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { isFresh } from '#shared/http/conditional.ts';
import type { Reply, ReplyHeaders } from '#shared/http/reply.ts';
import type { HttpRequest } from '#shared/http/request.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { style } from './style.ts';

export type Content = ComponentChildren;

export interface Crumb {
  readonly text: string;
  readonly path: string;
}

export interface PageContent {
  readonly title: string;
  /** The way to it, from the registry itself, which is not among them. */
  readonly crumbs?: readonly Crumb[];
  readonly content: Content;
  /** Who looks at it; `undefined` where that is not known, and `null` for nobody in particular. */
  readonly by?: string | null;
  /** Where to log in, for who has not. */
  readonly loginPath?: string;
}

const styleHash = createHash('sha256').update(style).digest('base64');

/** A bollard with a rope, as a quay has it. */
const mark =
  'M6 4.5A1.5 1.5 0 0 1 7.5 3h9A1.5 1.5 0 0 1 16.5 6H16v5.2c1.9.3 3.7 1 5 2.2l-1.3 1.5C17.900 13.300 15 12.800 12 12.800s-5.900.5-7.700 2.100L3 13.400c1.300-1.200 3.100-1.900 5-2.200V6h-.5A1.500 1.500 0 0 1 6 4.500zM8 15.300c1.200-.3 2.600-.5 4-.5s2.800.2 4 .5V19h1.500a1 1 0 0 1 0 2h-11a1 1 0 0 1 0-2H8z';
const icon = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#0e7c86" d="${mark}"/></svg>`)}`;

/** No script at all, the one sheet of style, and nobody's frame. */
const securityHeaders: ReplyHeaders = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** 200 with the page, or 304 where the browser has that very one. Nobody else keeps it, and it is asked for again each time. */
export function pageReply({ headers, host }: HttpRequest, content: PageContent): Reply {
  const body = render(host, content);
  const digest = digestOf(Buffer.from(body));
  const kept = {
    ...securityHeaders,
    'Cache-Control': 'private, no-cache',
    Vary: 'Accept, Authorization',
    ETag: `"${digest}"`,
  };
  if (isFresh(headers, digest)) return { status: 304, headers: kept };
  return { status: 200, headers: { ...kept, 'Content-Type': 'text/html; charset=utf-8' }, body };
}

/** A page that tells of what failed, and is not to be kept. */
export function failureReply(
  status: number,
  { host }: HttpRequest,
  content: PageContent,
  headers: ReplyHeaders,
): Reply {
  return {
    status,
    headers: {
      ...headers,
      ...securityHeaders,
      'Cache-Control': 'no-store',
      'Content-Type': 'text/html; charset=utf-8',
    },
    body: render(host, content),
  };
}

/** A link inside the registry. Its path is made of valid names alone. */
export function link(path: string, text: Content, attributes: Attributes = {}): Content {
  return h('a', { href: path, rel: 'noreferrer', ...attributes }, text);
}

/** Text that anybody may have written: what it says of its direction holds for itself alone. */
export function quoted(text: string): Content {
  return h('bdi', null, text);
}

function render(host: string, { title, crumbs = [], content, by, loginPath }: PageContent): string {
  const path = [{ text: host, path: '/' }, ...crumbs];
  const head = h(
    'head',
    null,
    h('meta', { charset: 'utf-8' }),
    h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    h('meta', { name: 'color-scheme', content: 'light dark' }),
    h('title', null, title),
    h('link', { rel: 'icon', href: icon }),
    h('style', { dangerouslySetInnerHTML: { __html: style } }),
  );
  const trail = path.map((crumb, at) => {
    const current = at === path.length - 1 ? { 'aria-current': 'page' as const } : {};
    return h('li', null, link(crumb.path, crumb.text, current));
  });
  const body = h(
    'body',
    null,
    h('a', { class: 'skip', href: '#content' }, 'Skip to the content'),
    h(
      'header',
      null,
      h(
        'div',
        { class: 'wrap' },
        h(
          'svg',
          { viewBox: '0 0 24 24', 'aria-hidden': 'true' },
          h('path', { fill: 'currentColor', d: mark }),
        ),
        h('nav', { 'aria-label': 'Where this is' }, h('ol', null, trail)),
      ),
    ),
    h('main', { class: 'wrap', id: 'content', tabIndex: -1 }, content),
    h('footer', null, h('div', { class: 'wrap' }, footer(by, loginPath))),
  );
  return `<!DOCTYPE html>${renderToString(h('html', { lang: 'en' }, head, body))}\n`;
}

function footer(by: string | null | undefined, loginPath: string | undefined): Content {
  const about = h('p', null, 'Berth, a container registry');
  if (by === undefined) return about;
  if (by !== null) return [about, h('p', null, 'Logged in as ', quoted(by))];
  const login = loginPath === undefined ? null : link(loginPath, 'Log in');
  return [about, h('p', null, 'Not logged in. ', login)];
}
