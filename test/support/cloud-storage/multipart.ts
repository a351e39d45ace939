// `multipart/related` bodies, read part by part and never kept: of the bytes at hand only so many are held back as might
// be the beginning of a boundary.

import { invalid } from './errors.ts';

export interface Part {
  readonly contentType: string | undefined;
  /** To be read to its end before the next part is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

const headBytesMax = 16 * 1024;

/**
 * The parts of a body, in order. Throws StorageError 400 for a body that is no multipart, or ends before its last
 * boundary.
 */
export async function* readParts(
  body: AsyncIterable<Buffer>,
  contentType: string | undefined,
): AsyncGenerator<Part, undefined> {
  const [, quoted, bare] = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '') ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw invalid('Malformed multipart body: no boundary.');
  const bytes = new Window(body);
  // The first boundary may stand at the very beginning: as if a line end came before it.
  bytes.prepend('\r\n');
  const delimiter = `\r\n--${boundary}`;
  for await (const _ of bytes.upTo(delimiter)) {
    // What stands before the first part is of no meaning.
  }
  for (;;) {
    const end = await bytes.line();
    if (end === '--') return undefined;
    if (end.trim() !== '') throw invalid('Malformed multipart body: a boundary goes on.');
    yield { contentType: await readHead(bytes), body: bytes.upTo(delimiter) };
  }
}

async function readHead(bytes: Window): Promise<string | undefined> {
  let contentType: string | undefined;
  for (;;) {
    const line = await bytes.line();
    if (line === '') return contentType;
    const [, value] = /^content-type:\s*(.*)$/i.exec(line) ?? [];
    contentType = value ?? contentType;
  }
}

/** A body of which a little is looked at before it is given out. */
class Window {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(body: AsyncIterable<Buffer>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  prepend(text: string): void {
    this.#held = Buffer.concat([Buffer.from(text), this.#held]);
  }

  /** What stands before the mark, which is taken too. */
  async *upTo(mark: string): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at !== -1) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        if (before.length > 0) yield before;
        return;
      }
      const free = this.#held.length - mark.length + 1;
      if (free > 0) {
        const piece = this.#held.subarray(0, free);
        this.#held = this.#held.subarray(free);
        yield piece;
      }
      await this.#more();
    }
  }

  /** A line of text without its end; what follows the last boundary is one too. */
  async line(): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf('\r\n');
      if (at !== -1) {
        const line = this.#held.subarray(0, at).toString();
        this.#held = this.#held.subarray(at + 2);
        return line;
      }
      if (this.#held.length > headBytesMax)
        throw invalid('Malformed multipart body: a line is too long.');
      if (this.#held.toString() === '--' && !(await this.#grows())) return '--';
      else await this.#more();
    }
  }

  async #more(): Promise<void> {
    if (!(await this.#grows())) throw invalid('Malformed multipart body: it ends too early.');
  }

  async #grows(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    return true;
  }
}
