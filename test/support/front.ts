// An HTTPS front, as a load balancer is one: Debian's nghttpx ends TLS, with a certificate of an authority that is made
// here, and speaks HTTP/2 without TLS, or HTTP/1.1, to a server behind it.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endsWithTests } from './ends-with-tests.ts';
import { freePort } from './free-port.ts';

export interface Front {
  /** `https://address:port` */
  readonly url: string;
  /** Address and port. */
  readonly host: string;
  /** A directory with the authority's certificate, `ca.crt`, and nothing else. */
  readonly trusted: string;
  stop(): Promise<void>;
}

const startsWithinMs = 10_000;

/**
 * Starts a front before a server on this machine.
 * @param directory for keys, certificates and the log
 * @throws Error with what nghttpx said, when it takes no connections within ten seconds
 */
export async function startFront(
  directory: string,
  behind: { readonly port: string | number; readonly protocol: 'h2' | 'http/1.1' },
): Promise<Front> {
  await mkdir(directory, { recursive: true });
  const address = outwardAddress();
  const { trusted, certificate, key } = await makeCertificate(directory, address);
  const port = await freePort(address);
  const log = join(directory, 'front.log');
  const said = await open(log, 'w');
  const flags = [
    ['--conf', '/dev/null'],
    ['--frontend', `${address},${port}`],
    ['--backend', `127.0.0.1,${behind.port};;proto=${behind.protocol}`],
    ['--workers', '1'],
    ['--no-ocsp'],
    ['--accesslog-file', '/dev/null'],
    // As a load balancer tells them: X-Forwarded-Proto and Via it adds by itself.
    ['--add-x-forwarded-for', '--strip-incoming-x-forwarded-for'],
    ['--frontend-read-timeout', '600', '--backend-read-timeout', '600'],
    ['--request-header-field-buffer', '64K'],
  ];
  const child = spawn('nghttpx', [...flags.flat(), key, certificate], {
    stdio: ['ignore', said.fd, said.fd],
  });
  endsWithTests(child, 'SIGKILL');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await said.close();
  };
  for (let waited = 0; waited < startsWithinMs; waited += 50) {
    if (await accepts(address, port)) {
      return { url: `https://${address}:${port}`, host: `${address}:${port}`, trusted, stop };
    }
    if (child.exitCode !== null) break;
    await sleep(50);
  }
  await stop();
  throw new Error(`nghttpx did not start: ${await readFile(log, 'utf8')}`);
}

/**
 * This machine's address to others, where it has one: clients take its own name for a registry that needs no TLS, and
 * docker checks no certificate of it.
 */
function outwardAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return found?.address ?? '127.0.0.1';
}

/** An authority, and a certificate of it for an address, made by openssl. */
async function makeCertificate(directory: string, address: string) {
  await mkdir(join(directory, 'trusted'));
  const at = (name: string) => join(directory, name);
  const openssl = (...parameters: string[]) =>
    execFileSync('openssl', parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await writeFile(
    at('extensions'),
    `subjectAltName = IP:${address}\nextendedKeyUsage = serverAuth\n`,
  );
  openssl(
    ...['req', '-x509', ...keys, '-days', '2', '-subj', '/CN=An authority for tests'],
    ...['-keyout', at('authority.key'), '-out', at('trusted/ca.crt')],
  );
  openssl(
    ...['req', ...keys, '-subj', `/CN=${address}`],
    ...['-keyout', at('front.key'), '-out', at('front.csr')],
  );
  openssl(
    ...['x509', '-req', '-in', at('front.csr'), '-days', '2', '-extfile', at('extensions')],
    ...['-CA', at('trusted/ca.crt'), '-CAkey', at('authority.key'), '-CAcreateserial'],
    ...['-out', at('front.crt')],
  );
  return { trusted: at('trusted'), certificate: at('front.crt'), key: at('front.key') };
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
