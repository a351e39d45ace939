// Resumable uploads: a session that bytes are sent to in as many requests as it takes ("Perform resumable uploads").
//
//   POST …?uploadType=resumable       200, and `Location`: the session's address, which needs no other credentials
//   PUT bytes 0-262143/*              308, and `Range`: what is persisted; absent while nothing is
//   PUT bytes */*                     the same, as a question
//   PUT bytes 262144-262999/263000    200 and the object: it is finished, and visible
//   PUT bytes */*, once more          200 and the object again
//   DELETE                            499; what comes afterwards is answered 410
//
// What the reference leaves open: a session whose last request failed (412, 400) is gone, and answers 410; and of two
// requests that write to one session, the later one cuts the earlier one off.

import { randomBytes } from 'node:crypto';
import { type BytesRange, type ContentRange, parseContentRange } from './content-range.ts';
import { Recording, unitBytes } from './contents.ts';
import { invalid, notFound, StorageError, uploadRefused } from './errors.ts';
import { type Answer, type Call, readJson } from './exchange.ts';
import { headerChecksums } from './metadata.ts';
import type { Store } from './store.ts';
import { finishUpload, startUpload, type Upload } from './uploads.ts';

/** "A session URI expires after one week." */
const sessionMsMax = 7 * 24 * 60 * 60 * 1000;

interface Session {
  readonly upload: Upload;
  readonly startedAt: number;
  /** The object's size, once the client has told it. */
  total: number | undefined;
  /** What came so far; then what the session ended with: the object, or that it is gone. */
  state: Recording | Answer | StorageError;
  /** Breaks off the request that is sending bytes. */
  cut: (() => void) | undefined;
  /** Requests come one after another; this is the last one's end. */
  last: Promise<unknown>;
}

export class ResumableUploads {
  readonly #store: Store;
  readonly #sessions = new Map<string, Session>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** `objects.insert` with `uploadType=resumable` */
  async start(call: Call): Promise<Answer> {
    const contentType = call.headers['x-upload-content-type'] ?? 'application/octet-stream';
    const upload = startUpload(this.#store, call, { contentType, ...(await readJson(call.body)) });
    const total = call.headers['x-upload-content-length'];
    if (total !== undefined && !/^\d+$/.test(String(total)))
      throw invalid('Invalid value for X-Upload-Content-Length.');
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(id, {
      upload,
      startedAt: this.#store.clock.now(),
      total: total === undefined ? undefined : Number(total),
      state: await this.#store.startRecording(),
      cut: undefined,
      last: Promise.resolve(),
    });
    const query = new URLSearchParams(call.query);
    query.set('upload_id', id);
    return { status: 200, headers: { location: `${call.origin}${call.path}?${query}` } };
  }

  /** A PUT to a session: bytes, or the question how many there are. */
  async put(call: Call): Promise<Answer> {
    const session = this.#session(call);
    const range = parseContentRange(call.headers['content-range']);
    return inTurn(session, async () => {
      const { state } = session;
      if (state instanceof StorageError) throw state;
      // It is finished: whatever is asked, it answers as it did then.
      if (!(state instanceof Recording)) return state;
      const total = totalOf(session, range, state.persisted);
      if (range.kind === 'bytes') await receive(session, state, { range, total, call });
      session.total = total;
      if (isComplete(range, total, state.size)) return this.#finish(session, state, call);
      state.dropRest();
      return incomplete(state.persisted);
    });
  }

  /** DELETE of a session: answered as clients that close their request are, with 499. */
  async cancel(call: Call): Promise<Answer> {
    const session = this.#session(call);
    return inTurn(session, async () => {
      const { state } = session;
      if (state instanceof Recording) {
        session.state = gone();
        await state.abandon();
      }
      return { status: 499 };
    });
  }

  #session(call: Call): Session {
    const session = this.#sessions.get(call.query.get('upload_id') ?? '');
    if (session === undefined || this.#store.clock.now() - session.startedAt > sessionMsMax)
      throw notFound('No such upload session.');
    return session;
  }

  /** The preconditions that were given at the start are checked again: much may have happened since. */
  async #finish(session: Session, recording: Recording, call: Call): Promise<Answer> {
    const { upload } = session;
    const checksums = [...upload.checksums, headerChecksums(call.headers['x-goog-hash'])];
    session.state = gone();
    const content = await recording.end();
    const answer = finishUpload(this.#store, { ...upload, checksums }, content);
    session.state = answer;
    return answer;
  }
}

function inTurn(session: Session, work: () => Promise<Answer>): Promise<Answer> {
  session.cut?.();
  const answer = session.last.then(work);
  session.last = answer.catch(() => undefined);
  return answer;
}

/** The object's size, as far as it is known: once told, it is that. */
function totalOf(session: Session, { total }: ContentRange, persisted: number): number | undefined {
  if (total === undefined) return session.total;
  if (total !== (session.total ?? total) || total < persisted)
    throw invalid(`Invalid request.  The upload's size is not ${total} byte(s).`);
  return total;
}

/** Takes a request's bytes. When it breaks off, the whole units among them are persisted all the same. */
async function receive(
  session: Session,
  recording: Recording,
  { range, total, call }: { range: BytesRange; total: number | undefined; call: Call },
): Promise<void> {
  const announced = announcedBytes(range, total);
  checkOffset(range, recording.persisted);
  checkUnits(range);
  checkCount(announced, call.headers['content-length']);
  // "Cloud Storage ignores any bytes you send at an offset that Cloud Storage has already persisted."
  let known = recording.persisted - range.first;
  let received = 0;
  session.cut = call.cut;
  try {
    for await (const piece of call.body) {
      received += piece.length;
      if (received > announced.most) throw otherCount(announced.most, received);
      await recording.write(piece.subarray(Math.min(known, piece.length)));
      known = Math.max(known - piece.length, 0);
    }
    if (received < announced.least) throw otherCount(announced.least, received);
  } catch (error) {
    recording.dropRest();
    throw error;
  } finally {
    session.cut = undefined;
  }
}

interface Announced {
  readonly least: number;
  readonly most: number;
}

/** How many bytes a request may have by its range: exactly so many, or, when it has no end, up to the object's. */
function announcedBytes(range: BytesRange, total: number | undefined): Announced {
  if (range.last === undefined)
    return { least: 0, most: (total ?? Number.POSITIVE_INFINITY) - range.first };
  const exactly = range.last - range.first + 1;
  return { least: exactly, most: exactly };
}

/** Observed: the upload server says this with 503, as bare text, though trying again does not help. */
function checkOffset({ first }: BytesRange, persisted: number): void {
  if (first <= persisted) return;
  const offset = `the upload offset is ${first} byte(s)`;
  const message = `Invalid request.  According to the Content-Range header, ${offset}, which exceeds already uploaded size of ${persisted} byte(s).`;
  throw uploadRefused(503, message);
}

/**
 * "The chunk size must be a multiple of 256 KiB, unless it's the last chunk." Observed: this answer, for fewer bytes; of
 * more, the service may instead keep the whole units and answer 308. Who relies on that breaks the rule.
 */
function checkUnits(range: BytesRange): void {
  if (range.last === undefined || range.last + 1 === range.total) return;
  const bytes = range.last - range.first + 1;
  if (bytes % unitBytes === 0) return;
  const rule = `The number of bytes uploaded is required to be equal or greater than ${unitBytes}, except for the final request (it's recommended to be the exact multiple of ${unitBytes}).`;
  const found = `The received request contained ${bytes} bytes, which does not meet this requirement.`;
  throw uploadRefused(400, `Invalid request.  ${rule}  ${found}`);
}

function checkCount(announced: Announced, contentLength: string | undefined): void {
  if (contentLength === undefined) return;
  const bytes = Number(contentLength);
  if (bytes < announced.least) throw otherCount(announced.least, bytes);
  if (bytes > announced.most) throw otherCount(announced.most, bytes);
}

function otherCount(announced: number, bytes: number): StorageError {
  const message = `Invalid request.  There were ${bytes} byte(s) (or more) in the request body.  There should have been ${announced} byte(s) according to the Content-Range header.`;
  return uploadRefused(400, message);
}

/** Whether the object's end has come: its size was told and is there, or the request had no end but its body's. */
function isComplete(range: ContentRange, total: number | undefined, size: number): boolean {
  if (range.kind === 'bytes' && range.last === undefined) return (total ?? size) === size;
  return range.total === size;
}

function incomplete(persisted: number): Answer {
  return { status: 308, headers: persisted === 0 ? {} : { range: `bytes=0-${persisted - 1}` } };
}

/** "You have attempted to use a resumable upload session that is no longer available." */
function gone(): StorageError {
  return new StorageError(410, 'gone', 'The upload session is no longer available.');
}
