// GET / in a browser: what this is, and how to log in and push.

import { h } from 'preact';
import { unauthorized } from '#shared/auth/challenge.ts';
import type { Action, ActionRequest } from '../action.ts';
import { type Content, pageReply } from './document.ts';

export const home: Action = async (request) => {
  requireLogin(request);
  const { host } = request;
  const example = `${host}/my-project/my-image`;
  return pageReply(request, {
    title: `${host}: container registry`,
    ...seenBy(request, '/'),
    content: [
      h('h1', null, 'Container registry'),
      h(
        'p',
        { class: 'lead' },
        'Images and other artifacts are kept here, for docker, podman, containerd, crane, oras, helm and whatever else speaks the OCI distribution specification.',
      ),
      h(
        'section',
        { 'aria-labelledby': 'start' },
        h('h2', { id: 'start' }, 'Push an image'),
        h(
          'ol',
          { class: 'steps' },
          step('Log in, with a name and a password, a robot’s secret, or a token of Google’s.', [
            `docker login ${host}`,
          ]),
          step('Name the image by its project here.', [`docker tag my-image ${example}:v1`]),
          step('Push it.', [`docker push ${example}:v1`]),
        ),
        h('h2', { id: 'look' }, 'Look at one'),
        h(
          'p',
          null,
          'An image’s name is its web address. So is a project’s, which lists what is in it:',
        ),
        h(
          'ul',
          null,
          [`${host}/my-project`, example, `${example}:v1`].map((address) =>
            h('li', null, h('code', null, address)),
          ),
        ),
        h(
          'p',
          { class: 'note' },
          'What is public is shown to anybody. For the rest the browser asks for a name and a password, the same as at docker login.',
        ),
      ),
    ],
  });
};

function step(text: string, commands: readonly string[]): Content {
  const lines = commands.map((command) => h('pre', null, h('code', null, command)));
  return h('li', null, text, lines);
}

/** Has a browser ask for a password, where somebody wants to log in who has not. */
export function requireLogin({ query, access, origin, host }: ActionRequest): void {
  if (!query.has('login') || access.identity.principal.kind !== 'anonymous') return;
  throw unauthorized(origin, host, { message: 'log in' });
}

/** What a page says of who looks at it. */
export function seenBy({ access }: ActionRequest, path: string) {
  return access.identity.principal.kind === 'anonymous'
    ? { by: null, loginPath: `${path}?login` }
    : { by: access.by };
}
