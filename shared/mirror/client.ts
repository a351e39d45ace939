// What is asked of upstreams: manifests and blobs, by the distribution specification, as a client that only pulls.

import { type Digest, parseDigest } from '../oci/digest.ts';
import { manifestBytesMax } from '../oci/limits.ts';
import { mediaTypes, parseContentType } from '../oci/media-types.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Clock } from '../ports/clock.ts';
import {
  announcedBytes,
  bodyOf,
  discard,
  type UpstreamAnswer,
  type UpstreamConnections,
  wholeBody,
} from './connection.ts';
import {
  mirrorAnswerMs,
  mirrorBlobBytesMax,
  mirrorDownloadsInAllMax,
  mirrorManifestMs,
  mirrorQuestionsInAllMax,
  mirrorUnannouncedBytesMax,
  mirrorUpstreamsMax,
} from './limits.ts';
import { RecentlyUsed } from './recently-used.ts';
import { retryAfter } from './retry-after.ts';
import { Standing, Turns } from './standing.ts';
import { UpstreamTokens } from './tokens.ts';
import { repositoryIn, type Upstream } from './upstream.ts';
import { UpstreamFailure } from './upstream-failure.ts';

/** What is pulled: of an upstream, by the name that the client wrote. */
export interface Source {
  readonly upstream: Upstream;
  readonly name: RepositoryName;
}

export interface FetchedManifest {
  /** Not checked. */
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  /** What the upstream says its digest is. */
  readonly digest: Digest | undefined;
}

export interface ComingBlob {
  /** `undefined` where the upstream does not announce it. */
  readonly size: number | undefined;
  /** Not checked. Taken once, and to its end or left early. @throws UpstreamFailure */
  readonly body: AsyncIterable<Buffer>;
  /** Ends it. Until then it counts among those that come. */
  close(): void;
}

interface Asked {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly accept: string;
}

/** All that a manifest may be. */
const manifestTypes = [
  mediaTypes.ociIndex,
  mediaTypes.dockerManifestList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ');

/** Answers `undefined` where the upstream has no such thing, or none for us. */
export class UpstreamClient {
  readonly #connections: UpstreamConnections;
  readonly #clock: Clock;
  readonly #tokens: UpstreamTokens;
  readonly #standings = new RecentlyUsed<Standing>(mirrorUpstreamsMax);
  /** Of the memory that all of them take: who names upstreams at will takes none from the operator's own. */
  readonly #named = turnsOfAll();
  readonly #others = turnsOfAll();

  constructor(connections: UpstreamConnections, clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
    this.#tokens = new UpstreamTokens(connections, clock);
  }

  standing({ name }: Upstream): Standing {
    const standing = this.#standings.get(name) ?? new Standing(this.#clock);
    this.#standings.set(name, standing);
    return standing;
  }

  /** The digest that a tag has there, where the upstream tells it. @throws UpstreamFailure */
  async headManifest(
    source: Source,
    reference: string,
  ): Promise<{ readonly digest: Digest | undefined } | undefined> {
    return this.#question(source, async () => {
      const path = `manifests/${reference}`;
      const answer = await this.#ask(source, { method: 'HEAD', path, accept: manifestTypes });
      if (answer === undefined) return undefined;
      discard(answer.response);
      return { digest: digestIn(answer) };
    });
  }

  /** @throws UpstreamFailure */
  async getManifest(source: Source, reference: string): Promise<FetchedManifest | undefined> {
    return this.#question(source, async () => {
      const path = `manifests/${reference}`;
      const answer = await this.#ask(source, { method: 'GET', path, accept: manifestTypes });
      if (answer === undefined) return undefined;
      const bytes = await wholeBody(answer, { max: manifestBytesMax, withinMs: mirrorManifestMs });
      const contentType = parseContentType(answer.headers['content-type']);
      return { bytes, contentType, digest: digestIn(answer) };
    });
  }

  /** What the upstream says of a blob. @throws UpstreamFailure */
  async headBlob(source: Source, digest: Digest): Promise<{ readonly size: number } | undefined> {
    return this.#question(source, async () => {
      const path = `blobs/${digest}`;
      const answer = await this.#ask(source, { method: 'HEAD', path, accept: '*/*' });
      if (answer === undefined) return undefined;
      discard(answer.response);
      const size = announcedBytes(answer);
      if (size === undefined) throw new UpstreamFailure('it does not say how large a blob is');
      return { size };
    });
  }

  /** A blob, once it is its turn. @throws UpstreamFailure */
  async getBlob(source: Source, digest: Digest): Promise<ComingBlob | undefined> {
    const standing = this.standing(source.upstream);
    standing.check();
    const giveBack = await this.#turn(source, 'downloads');
    try {
      const asked = { method: 'GET', path: `blobs/${digest}`, accept: '*/*' } as const;
      const answer = await this.#answered(standing, () => this.#ask(source, asked));
      if (answer === undefined) {
        giveBack();
        return undefined;
      }
      return comingBlob(answer, giveBack);
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #question<T>(source: Source, ask: () => Promise<T>): Promise<T> {
    const standing = this.standing(source.upstream);
    standing.check();
    const giveBack = await this.#turn(source, 'questions');
    try {
      return await this.#answered(standing, ask);
    } finally {
      giveBack();
    }
  }

  /** @returns what gives the turn back */
  async #turn({ upstream }: Source, kind: 'downloads' | 'questions'): Promise<() => void> {
    const giveBack = await this.standing(upstream)[kind].take();
    const all = upstream.isNamed ? this.#named : this.#others;
    try {
      const giveBackAll = await all[kind].take();
      return () => {
        giveBackAll();
        giveBack();
      };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #answered<T>(standing: Standing, ask: () => Promise<T>): Promise<T> {
    try {
      // Who waited may find that those before were told to stop.
      standing.check();
      const answer = await ask();
      standing.answered();
      return answer;
    } catch (error) {
      throw standing.failed(error);
    }
  }

  async #ask(source: Source, asked: Asked): Promise<UpstreamAnswer | undefined> {
    const { upstream } = source;
    const name = repositoryIn(upstream, source.name);
    const url = new URL(`/v2/${name}/${asked.path}`, upstream.url);
    let authorization = this.#tokens.known(upstream, name);
    for (let tries = 0; ; tries += 1) {
      const answer = await this.#connections.ask(upstream, {
        method: asked.method,
        url,
        headers: {
          Accept: asked.accept,
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        withinMs: mirrorAnswerMs,
      });
      const challenge = answer.headers['www-authenticate'];
      // Whoever we were sent on to has no business with the upstream's tokens.
      const isAsked = answer.status === 401 && answer.url.origin === upstream.url.origin;
      if (tries > 0 || !isAsked || challenge === undefined) return settled(answer);
      discard(answer.response);
      const refused = authorization;
      authorization = await this.#tokens.answer(upstream, name, { challenge, refused });
      if (authorization === undefined) return undefined;
    }
  }
}

const turnsOfAll = () => ({
  downloads: new Turns(mirrorDownloadsInAllMax),
  questions: new Turns(mirrorQuestionsInAllMax),
});

/** @throws UpstreamFailure when the answer says nothing of what was asked for */
function settled(answer: UpstreamAnswer): UpstreamAnswer | undefined {
  const { status, headers, response } = answer;
  if (status === 200) return answer;
  discard(response);
  if (status === 429) throw retryAfter(headers['retry-after']);
  const isRefusal = status >= 400 && status < 500 && status !== 408;
  // What may not be read without being somebody else is not there for us.
  if (isRefusal) return undefined;
  throw new UpstreamFailure(`it answered ${status}`);
}

function comingBlob(answer: UpstreamAnswer, giveBack: () => void): ComingBlob {
  const size = announcedBytes(answer);
  const max = size === undefined ? mirrorUnannouncedBytesMax : mirrorBlobBytesMax;
  const close = () => {
    answer.response.destroy();
    giveBack();
  };
  if (size !== undefined && size > max) {
    close();
    throw new UpstreamFailure(`the blob is larger than ${max} bytes`);
  }
  return { size, body: bodyOf(answer, max), close };
}

function digestIn({ headers }: UpstreamAnswer): Digest | undefined {
  const header = headers['docker-content-digest'];
  return typeof header === 'string' ? parseDigest(header) : undefined;
}
