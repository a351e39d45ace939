// What pages use of preact and its renderer. Their own types bring all of a browser's into a program that runs in none, so
// tsconfig.json names these in their place.

declare module 'preact' {
  /** An element that was made by {@link h}. */
  export interface VNode {
    readonly type: unknown;
    readonly props: object;
  }
  export type ComponentChildren =
    | VNode
    | string
    | number
    | null
    | undefined
    | readonly ComponentChildren[];
  export type Attributes = {
    readonly [name: string]: string | number | undefined;
  } & {
    /** For the sheet of style alone, which is ours: nothing of it is escaped. */
    readonly dangerouslySetInnerHTML?: never;
  };
  /** @param type an element's name */
  export function h(
    type: string,
    attributes: Attributes | null,
    ...children: readonly ComponentChildren[]
  ): VNode;
  export function h(
    type: 'style',
    attributes: { readonly dangerouslySetInnerHTML: { readonly __html: string } },
  ): VNode;
}

declare module 'preact-render-to-string' {
  import type { VNode } from 'preact';

  /** An element as HTML. */
  export function renderToString(element: VNode): string;
}
