// A real browser without a window, driven by its DevTools protocol.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly print?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is typed when the page asks for a name and a password; `null` for nothing, which leaves the page that says so. */
  readonly login?: Login | null;
}

interface Login {
  readonly username: string;
  readonly password: string;
}

export interface Seen {
  readonly status: number;
  /** What the browser complained of: errors, what the page's policy refused, exceptions, what a script printed or asked. */
  readonly complaints: readonly string[];
}

export interface Browser {
  /** Opens an address and waits until it is there. */
  open(url: string, look?: Look): Promise<Seen>;
  /** Evaluates an expression in the page that is open. */
  evaluate<T>(expression: string): Promise<T>;
  /** Clicks on the middle of the first element that a selector finds. */
  click(selector: string): Promise<void>;
  /** A picture of the whole page that is open, as PNG. */
  picture(): Promise<Buffer>;
  close(): Promise<void>;
}

const readyWithinMs = 30_000;

/** Starts a browser with a profile of its own. */
export async function startBrowser(): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'berth-browser-'));
  const child = spawn(
    'chromium',
    [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      ...['--no-first-run', '--disable-extensions', '--disable-background-networking'],
      ...['--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    ],
    { stdio: 'ignore' },
  );
  const remove = () => rm(profile, { recursive: true, force: true, maxRetries: 5 });
  try {
    const session = await connect(await debuggerOf(child, profile));
    return browserBy(session, async () => {
      session.end();
      if (child.exitCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      await remove();
    });
  } catch (error) {
    child.kill('SIGKILL');
    await remove();
    throw error;
  }
}

/** The address it is driven at, which it writes into its profile. */
async function debuggerOf(child: ChildProcess, profile: string): Promise<string> {
  const until = Date.now() + readyWithinMs;
  while (Date.now() < until && child.exitCode === null) {
    const text = await readFile(join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '');
    const [port, path] = text.split('\n');
    if (port !== undefined && path !== undefined) return `ws://127.0.0.1:${port}${path}`;
    await sleep(20);
  }
  throw new Error(`chromium did not start: it ended with ${child.exitCode}`);
}

type Parameters = Readonly<Record<string, unknown>>;

interface Session {
  send(method: string, parameters?: Parameters): Promise<Record<string, unknown>>;
  /** Is told of everything that happens. */
  onEvent: (method: string, parameters: Record<string, unknown>) => void;
  end(): void;
}

async function connect(url: string): Promise<Session> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  let count = 0;
  let sessionId: string | undefined;
  const session: Session = {
    send: (method, params = {}) => {
      count += 1;
      const answer = Promise.withResolvers<Record<string, unknown>>();
      waiting.set(count, answer);
      socket.send(JSON.stringify({ id: count, method, params, sessionId }));
      return answer.promise;
    },
    onEvent: () => undefined,
    end: () => socket.close(),
  };
  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(String(data));
    if (id === undefined) session.onEvent(method, params);
    else if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(`the browser: ${error.message}`));
    waiting.delete(id);
  };
  socket.onclose = () => {
    for (const { reject } of waiting.values()) reject(new Error('the browser has gone'));
  };
  const { targetId } = await session.send('Target.createTarget', { url: 'about:blank' });
  const attached = await session.send('Target.attachToTarget', { targetId, flatten: true });
  sessionId = String(attached['sessionId']);
  for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) {
    await session.send(`${domain}.enable`);
  }
  return session;
}

function browserBy(session: Session, close: () => Promise<void>): Browser {
  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await session.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    return (answer['result'] as { value: T }).value;
  };
  return {
    evaluate,
    close,
    open: async (url, look = {}) => {
      await prepare(session, look);
      const complaints: string[] = [];
      let status = 0;
      const loaded = Promise.withResolvers<void>();
      session.onEvent = (method, parameters) => {
        if (method === 'Page.loadEventFired') loaded.resolve();
        if (method === 'Network.responseReceived' && parameters['type'] === 'Document') {
          status = (parameters['response'] as { status: number }).status;
        }
        if (method === 'Fetch.requestPaused' || method === 'Fetch.authRequired') {
          goOn(session, method, parameters, look.login);
        }
        if (isComplaint(method)) complaints.push(`${method} ${JSON.stringify(parameters)}`);
        if (method === 'Page.javascriptDialogOpening') {
          session.send('Page.handleJavaScriptDialog', { accept: false }).catch(() => undefined);
        }
      };
      const { errorText } = await session.send('Page.navigate', { url });
      if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
      await loaded.promise;
      // Whatever a page does at its start is done when it has been painted, twice.
      await evaluate(
        'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
      );
      return { status, complaints };
    },
    click: async (selector) => {
      const [x, y] = await evaluate<[number, number]>(`(() => {
        const element = document.querySelector(${JSON.stringify(selector)});
        element.scrollIntoView({ block: 'center' });
        const { left, top, width, height } = element.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
      })()`);
      for (const type of ['mousePressed', 'mouseReleased']) {
        const button = { button: 'left', clickCount: 1 };
        await session.send('Input.dispatchMouseEvent', { type, x, y, ...button });
      }
    },
    picture: async () => {
      const { data } = await session.send('Page.captureScreenshot', {
        captureBeyondViewport: true,
      });
      return Buffer.from(String(data), 'base64');
    },
  };
}

async function prepare(session: Session, look: Look): Promise<void> {
  const { width = 1280, height = 800, dark = false, print = false, headers = {} } = look;
  await session.send('Emulation.setDeviceMetricsOverride', {
    ...{ width, height, deviceScaleFactor: 1, mobile: width < 600 },
  });
  await session.send('Emulation.setEmulatedMedia', {
    media: print ? 'print' : 'screen',
    features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
  });
  await session.send('Network.setExtraHTTPHeaders', { headers });
  const isAsked = look.login !== undefined;
  await session.send(
    `Fetch.${isAsked ? 'enable' : 'disable'}`,
    isAsked ? { handleAuthRequests: true } : {},
  );
}

/** Lets a request go on, and types what is to be typed. */
function goOn(
  session: Session,
  method: 'Fetch.requestPaused' | 'Fetch.authRequired',
  { requestId }: Record<string, unknown>,
  login: Login | null | undefined,
): void {
  const sent =
    method === 'Fetch.requestPaused'
      ? session.send('Fetch.continueRequest', { requestId })
      : session.send('Fetch.continueWithAuth', {
          requestId,
          authChallengeResponse:
            login === null || login === undefined
              ? { response: 'CancelAuth' }
              : { response: 'ProvideCredentials', ...login },
        });
  // A page that is left takes its requests along.
  sent.catch(() => undefined);
}

function isComplaint(method: string): boolean {
  return [
    'Log.entryAdded',
    'Runtime.consoleAPICalled',
    'Runtime.exceptionThrown',
    'Page.javascriptDialogOpening',
    'Audits.issueAdded',
  ].includes(method);
}
