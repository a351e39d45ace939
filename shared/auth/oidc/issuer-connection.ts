// One question to an issuer. The owner of a project wrote its URL, and the issuer itself that of its keys: so the connection
// is one to a stranger's address (shared/http/public-connection.ts), and no redirect is followed.

import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { lookUpFor, type Network, urlFault } from '../../http/public-connection.ts';
import { issuerAnswerBytesMax } from '../../oci/limits.ts';
import { textAtMost } from '../../ports/text-at-most.ts';

export interface IssuerAnswer {
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
}

export interface IssuerQuestion {
  readonly network: Network;
  /** The operator named it: http and any address will do. */
  readonly isPrivate: boolean;
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

/**
 * GETs a JSON document of at most `issuerAnswerBytesMax` bytes.
 * @throws Error that says in few words why it cannot be had: it is not where it may be, does not answer, or not with 200
 */
export async function askIssuer(url: URL, question: IssuerQuestion): Promise<IssuerAnswer> {
  const { network, isPrivate, signal } = question;
  const fault = urlFault(url, isPrivate);
  if (fault !== undefined) throw new Error(fault);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const options: RequestOptions = {
    // No connection is kept, nor shared with anything else.
    agent: false,
    signal,
    headers: { Accept: 'application/json', 'User-Agent': 'berth' },
    lookup: lookUpFor(network, isPrivate),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    send(url, options).once('error', reject).once('response', resolve).end();
  });
  try {
    return { text: await read(response), headers: response.headers };
  } finally {
    response.destroy();
  }
}

async function read(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
  // None was asked for, and what is small when it comes may be large when it is unpacked.
  const { 'content-encoding': encoding = 'identity' } = response.headers;
  if (encoding !== 'identity') throw new Error('its answer is compressed');
  return textAtMost(
    response,
    issuerAnswerBytesMax,
    () => new Error(`its answer is larger than ${issuerAnswerBytesMax} bytes`),
  );
}
