// A provider that makes nothing, so that Terraform itself can plan the configuration where the real one cannot be
// installed, and without a project: it has the real one's schema, and answers what a provider answers to a plan: what was
// given is as it was given, and what the provider tells is not known yet. It speaks Terraform's plugin protocol 6
// (docs/plugin-protocol in hashicorp/terraform), which is gRPC, and so Protocol Buffers over HTTP/2.

import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { decode, encode, Unknown, type Value } from './msgpack.ts';
import type { Attribute, Kind, NestedBlock, Schema, Type } from './provider-schema.ts';
import { schemaOf } from './schema.ts';

export interface StandIn {
  /** By which Terraform finds it, and does not ask for another. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): void;
}

/** Starts one that has those types of resources and data. */
export async function startStandIn(
  resources: readonly string[],
  data: readonly string[],
): Promise<StandIn> {
  const server = createServer();
  const description = describe(resources, data);
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('end', () => {
      const [method = ''] = String(headers[':path']).split('/').slice(-1);
      // Before a message stand a flag and its length.
      const request = fieldsOf(Buffer.concat(chunks).subarray(5));
      reply(stream, method === 'GetProviderSchema' ? description : answer(method, request));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { environment: environmentOf(server), stop: () => server.close() };
}

function environmentOf(server: Http2Server): Record<string, string> {
  const { port } = server.address() as AddressInfo;
  const reattach = {
    Protocol: 'grpc',
    ProtocolVersion: 6,
    Pid: process.pid,
    Test: true,
    Addr: { Network: 'tcp', String: `127.0.0.1:${port}` },
  };
  return {
    TF_REATTACH_PROVIDERS: JSON.stringify({ 'registry.terraform.io/hashicorp/google': reattach }),
  };
}

function reply(stream: ServerHttp2Stream, message: Buffer | undefined): void {
  const [ok, unimplemented] = ['0', '12'];
  // Terraform stops without a farewell.
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': message === undefined ? unimplemented : ok });
  });
  if (message === undefined) {
    stream.end();
    return;
  }
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
}

function answer(method: string, request: ReadonlyMap<number, Buffer>): Buffer | undefined {
  const type = request.get(1)?.toString() ?? '';
  switch (method) {
    case 'ValidateProviderConfig':
    case 'ValidateResourceConfig':
    case 'ValidateDataResourceConfig':
    case 'ConfigureProvider':
    case 'StopProvider':
    case 'Shutdown':
      return Buffer.alloc(0);
    case 'PlanResourceChange': {
      const [proposed, schema] = [dynamicValue(request.get(3)), schemaOf('resource', type)];
      return bytesField(
        1,
        dynamicBytes(schema === undefined ? proposed : plan(proposed, schema, type)),
      );
    }
    case 'ReadDataSource': {
      const [config, schema] = [dynamicValue(request.get(2)), schemaOf('data', type)];
      return bytesField(1, dynamicBytes(schema === undefined ? config : read(config, schema)));
    }
    default:
      return undefined;
  }
}

function isObject(value: Value): value is Values {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Unknown) &&
    !Array.isArray(value)
  );
}

/** What is planned: all that was not given, and that the provider tells, is unknown; but for what it tells beforehand. */
function plan(value: Value, schema: Schema, type: string): Value {
  const planned = fill(value, schema, () => new Unknown());
  return isObject(planned) ? { ...planned, ...toldBeforehand[type]?.(planned) } : planned;
}

type Values = Readonly<Record<string, Value>>;

const toldBeforehand: Readonly<Record<string, (values: Values) => Values>> = {
  // hashicorp/terraform-provider-google#20510
  google_service_account({ account_id: id, project }) {
    if (typeof id !== 'string' || typeof project !== 'string') return {};
    const email = `${id}@${project}.iam.gserviceaccount.com`;
    return { email, member: `serviceAccount:${email}` };
  },
};

/** What is read of data: it is told at once, and so it is made up. */
function read(value: Value, schema: Schema): Value {
  return fill(value, schema, (name, type) => {
    if (type === 'string') return name === 'number' ? '1234567890' : `some-${name}`;
    if (type === 'number') return 1;
    if (type === 'bool') return false;
    return type[0] === 'map' ? {} : [];
  });
}

function fill(value: Value, schema: Schema, told: (name: string, type: Type) => Value): Value {
  if (Array.isArray(value)) return value.map((item: Value) => fill(item, schema, told));
  if (!isObject(value)) return value;
  const filled: Record<string, Value> = { ...value };
  for (const [name, { computed, type }] of schema.attributes)
    if (computed && (filled[name] ?? null) === null) filled[name] = told(name, type);
  for (const [name, block] of schema.blocks)
    filled[name] = fill(filled[name] ?? null, block.schema, told);
  return filled;
}

function dynamicValue(message: Buffer | undefined): Value {
  const packed = message && fieldsOf(message).get(1);
  return packed === undefined ? null : decode(packed);
}

function dynamicBytes(value: Value): Buffer {
  return bytesField(1, encode(value));
}

/** GetProviderSchema.Response */
function describe(resources: readonly string[], data: readonly string[]): Buffer {
  const mapped = (kind: Kind, field: number, types: readonly string[]) =>
    types.map((type) => {
      const schema = schemaOf(kind, type);
      if (schema === undefined) return Buffer.alloc(0);
      const entry = [bytesField(1, Buffer.from(type)), bytesField(2, schemaMessage(schema))];
      return bytesField(field, Buffer.concat(entry));
    });
  const provider = schemaOf('provider', 'google') ?? { attributes: new Map(), blocks: new Map() };
  return Buffer.concat([
    bytesField(1, schemaMessage(provider)),
    ...mapped('resource', 2, resources),
    ...mapped('data', 3, data),
  ]);
}

function schemaMessage(schema: Schema): Buffer {
  return bytesField(2, blockMessage(schema));
}

function blockMessage({ attributes, blocks }: Schema): Buffer {
  return Buffer.concat([
    ...[...attributes].map(([name, item]) => bytesField(2, attributeMessage(name, item))),
    ...[...blocks].map(([name, item]) => bytesField(3, nestedMessage(name, item))),
  ]);
}

function attributeMessage(name: string, { type, required, optional, computed }: Attribute): Buffer {
  return Buffer.concat([
    bytesField(1, Buffer.from(name)),
    bytesField(2, Buffer.from(JSON.stringify(typeAsJson(type)))),
    numberField(4, Number(required)),
    numberField(5, Number(optional)),
    numberField(6, Number(computed)),
  ]);
}

function nestedMessage(name: string, { schema, nesting, required, many }: NestedBlock): Buffer {
  const nestings = { single: 1, list: 2, set: 3 };
  const atMost = many ? 0 : 1;
  return Buffer.concat([
    bytesField(1, Buffer.from(name)),
    bytesField(2, blockMessage(schema)),
    numberField(3, nestings[nesting]),
    numberField(4, nesting === 'single' ? 0 : Number(required)),
    numberField(5, nesting === 'single' ? 0 : atMost),
  ]);
}

function typeAsJson(type: Type): unknown {
  if (typeof type === 'string' || type[0] !== 'objects') return type;
  const members = [...type[1].attributes].map(([name, item]) => [name, typeAsJson(item.type)]);
  return ['list', ['object', Object.fromEntries(members)]];
}

/** A message's fields that are bytes, the last of each number: no request has others that are looked at. */
function fieldsOf(message: Buffer): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>();
  let at = 0;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (; ; factor *= 0x80) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const length = varint();
    if ((key & 7) !== 2) continue;
    fields.set(key >> 3, message.subarray(at, at + length));
    at += length;
  }
  return fields;
}

function varintBytes(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varintBytes(Math.floor(value / 0x80))];
}

function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varintBytes(bytes.length)]), bytes]);
}

function numberField(number: number, value: number): Buffer {
  return Buffer.from([number << 3, ...varintBytes(value)]);
}
