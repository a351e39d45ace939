// What a person or another program tells a command: on standard input, or at a terminal.

import type { ReadStream } from 'node:tty';
import { exitCodes, Failure, wrongUsage } from './failure.ts';

/** A password may be a service account's key, or a policy a list of many members. */
const inputBytesMax = 1024 * 1024;

/** Reads standard input to its end. @throws Failure when it is longer than any input may be */
export async function readInput(stream: NodeJS.ReadableStream): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    const buffer = Buffer.from(piece);
    bytes += buffer.length;
    if (bytes > inputBytesMax)
      throw wrongUsage(`more than ${inputBytesMax} bytes on standard input`);
    pieces.push(buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** A secret as a program prints it: without the end of its line. */
export async function readSecret(stream: NodeJS.ReadableStream): Promise<string> {
  return (await readInput(stream)).replace(/\r?\n$/, '');
}

/**
 * Asks at the terminal, of which standard input must be one.
 * @param echo shows what is typed
 */
export async function prompt(question: string, echo: boolean): Promise<string> {
  const { stdin, stderr } = process;
  const wasRaw = stdin.isRaw;
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  // Only now: what is typed before that the terminal shows.
  stderr.write(question);
  try {
    return await readLine(stdin, (shown) => stderr.write(echo ? shown : ''));
  } finally {
    stdin.setRawMode(wasRaw);
    stdin.pause();
    stderr.write('\n');
  }
}

/** What was pasted for the next question together with the answer to the last. */
let ahead = '';

function readLine(stdin: ReadStream, show: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (action: () => void) => {
      stdin.off('data', typed);
      stdin.off('end', cutShort);
      action();
    };
    const cutShort = () => end(() => reject(new Failure('nothing was entered', exitCodes.usage)));
    const typed = (text: string) => {
      for (const [at, key] of [...text].entries()) {
        if (key === '\r' || key === '\n') {
          ahead = [...text]
            .slice(at + 1)
            .join('')
            .replace(/^\n/, '');
          return end(() => resolve(line));
        }
        // Control-C, and Control-D where nothing was typed.
        if (key === '\u0003' || (key === '\u0004' && line === '')) return cutShort();
        if (key === '\u007f' || key === '\b') {
          if (line !== '') show('\b \b');
          line = [...line].slice(0, -1).join('');
        } else if (key >= ' ' || key === '\t') {
          line += key;
          show(key);
        }
      }
    };
    stdin.on('data', typed);
    stdin.on('end', cutShort);
    stdin.resume();
    const first = ahead;
    ahead = '';
    typed(first);
  });
}
