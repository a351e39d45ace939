// A subscriber to what changes in a registry: it prints a line for each image that is pushed or deleted. Begin with it
// when you write your own, and do in `onChange` whatever is to follow a push.
//
//   npm run example:subscriber
//   BERTH_PUSH_ENDPOINTS=http://localhost:8088/ npm start
//
// In the cloud it is the endpoint of a push subscription, which proves by a token who pushes:
//
//   AUDIENCE=https://subscriber.example.com/ SERVICE_ACCOUNT=pusher@my-project.iam.gserviceaccount.com PORT=8080 HOST=0.0.0.0 \
//     node examples/subscriber/main.ts
//   gcloud pubsub subscriptions create images --topic=gcr --enable-message-ordering \
//     --push-endpoint=https://subscriber.example.com/ --push-auth-token-audience=https://subscriber.example.com/ \
//     --push-auth-service-account=pusher@my-project.iam.gserviceaccount.com \
//     --dead-letter-topic=images-refused --max-delivery-attempts=10
//
// What it is told by its environment:
//
//   PORT, HOST        where it listens: 8088 on localhost
//   AUDIENCE          what tokens must be for, and
//   SERVICE_ACCOUNT   whose they must be; both or neither
//   GOOGLE_KEYS_URL   where the keys are that Google signs tokens by; for tests

import type { AddressInfo } from 'node:net';
import type { ImageChange } from './image-change.ts';
import { pushTokens } from './push-token.ts';
import { createSubscriber } from './subscriber.ts';

const {
  PORT = '8088',
  HOST = 'localhost',
  AUDIENCE,
  SERVICE_ACCOUNT,
  GOOGLE_KEYS_URL,
} = process.env;

if ((AUDIENCE === undefined) !== (SERVICE_ACCOUNT === undefined)) {
  throw new Error('AUDIENCE and SERVICE_ACCOUNT belong together: set both, or neither');
}
const verify =
  AUDIENCE === undefined || SERVICE_ACCOUNT === undefined
    ? undefined
    : pushTokens({ audience: AUDIENCE, serviceAccount: SERVICE_ACCOUNT, keysUrl: GOOGLE_KEYS_URL });

/** What follows a change. When it throws, the message is refused and comes again: so it may be done twice. */
function onChange({ action, image, tag, digest, actor }: ImageChange): void {
  const name = [
    image,
    tag === undefined ? '' : `:${tag}`,
    digest === undefined ? '' : `@${digest}`,
  ];
  const verb = action === 'INSERT' ? 'pushed' : 'deleted';
  process.stdout.write(`${verb} ${name.join('')}${actor === undefined ? '' : ` by ${actor}`}\n`);
}

const server = createSubscriber({ onChange, verify });
server.listen(Number(PORT), HOST, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://${HOST}:${port}/\n`);
});

// Supervisors end a process so. What is being answered is answered; what is not comes again.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close();
    server.closeIdleConnections();
  });
}
