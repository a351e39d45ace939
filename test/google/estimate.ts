// What a million pulls and a million pushes cost, by Google's list prices and the operations of costs.ts. The README's
// table of estimates is made of it.
//
// The prices are in US dollars, without taxes, discounts and what is free each month, as told on 2026-11-24 by copies of
// Google's own pages and of those who quote them; none could be compared with the live page.
//
//   Firestore       cloud.google.com/firestore/pricing, Standard edition, of a multi-region. Of a region in the US others
//                   tell half of it, which is not assumed here.
//   Cloud Storage   cloud.google.com/storage/pricing-examples, Standard storage in a region, us-east1: class A $0.005 and
//                   class B $0.0004 for 1,000.
//   Cloud Run       cloud.google.com/run/pricing, which bills functions too, of a region of tier 1 such as us-central1,
//                   where an instance is billed while it has requests, and for 100 ms at least.
//   Pub/Sub         cloud.google.com/pubsub/pricing (of 2026-09-20): $40 for a TiB published or delivered, 1,000 bytes at
//                   least for each call.

import type { Operation } from '#shared/ports/meter.ts';
import { type Cost, type CostName, costs, markdown, type Operations } from './costs.ts';

export type Service = 'Firestore' | 'Cloud Storage' | 'Pub/Sub' | 'functions';

export const million = 1_000_000;

const prices: Readonly<Record<Operation, readonly [Service, number]>> = {
  documentRead: ['Firestore', 0.06 / 100_000],
  documentWrite: ['Firestore', 0.18 / 100_000],
  documentDelete: ['Firestore', 0.02 / 100_000],
  documentCall: ['Firestore', 0],
  transaction: ['Firestore', 0],
  objectWrite: ['Cloud Storage', 0.005 / 1000],
  objectRead: ['Cloud Storage', 0.0004 / 1000],
  objectDelete: ['Cloud Storage', 0],
  remoteSignature: ['functions', 0],
  // Published, and delivered to one subscriber.
  messagePublished: ['Pub/Sub', (2 * 1000 * 40) / 1024 ** 4],
};

const requestPrice = 0.4 / million;
/** Of an instance with one CPU and 1 GiB, as Terraform makes them. */
const secondPrice = 0.000024 + 0.0000025;
/**
 * How long a request has an instance, which is assumed to have no other meanwhile: what is billed at least; and longer
 * where it carries a layer.
 */
const secondsUsual = 0.1;
const secondsWithLayer = 1;

export interface Scenario {
  readonly what: string;
  /** Each request that a client makes, or a trigger for it, and how often. The instances are warm. */
  readonly requests: Partial<Readonly<Record<CostName, number>>>;
  /** Of these requests, so many carry a layer. */
  readonly layers: number;
  /** What it costs besides: by whom the client is sent to, and when the platform or the collector clears up. */
  readonly besides: Operations;
}

/** An image of a config and 5 layers. */
export const scenarios = {
  pull: {
    what: 'pulls to a node that has nothing of the image',
    requests: {
      'version, nobody': 1,
      'token, robot': 1,
      'manifest GET by tag': 1,
      'blob GET': 6,
    },
    layers: 0,
    // From Cloud Storage, to which it is redirected.
    besides: { objectRead: 6 },
  },
  look: {
    what: 'looks of a node that has it (HEAD of the tag)',
    requests: { 'manifest HEAD by tag': 1 },
    layers: 0,
    besides: {},
  },
  push: {
    what: 'pushes of a new config and one new layer on 4 that are there',
    requests: {
      'version, nobody': 1,
      'token, robot': 1,
      'blob HEAD': 4,
      'blob HEAD, not there': 2,
      'upload POST': 2,
      'upload PATCH': 2,
      'upload PUT after a PATCH': 2,
      'manifest PUT, 5 layers': 1,
      'relay of a change': 1,
    },
    layers: 1,
    // The collector looks at both new links, a day later; and what is left of their sessions expires.
    besides: sum([
      [reviewOfLink(), 2],
      [{ documentDelete: 1 }, 2],
    ]),
  },
} as const satisfies Readonly<Record<string, Scenario>>;

/** What a review costs where there are many: the looks for what is due are shared. */
function reviewOfLink(): Operations {
  const { 'collect of a link that stays': one, 'collect of nothing': none } = costs;
  return sum([
    [one.cold, 1],
    [none.cold, -1],
  ]);
}

/** The README's table of estimates, in Markdown. */
export function estimateTable(): string {
  const services = ['Firestore', 'Cloud Storage', 'Pub/Sub', 'functions'] as const;
  const rows = Object.values<Scenario>(scenarios).map((scenario) => {
    const price = priceOfMillion(scenario);
    const total = services.reduce((all, service) => all + price[service], 0);
    return [scenario.what, ...services.map((service) => dollars(price[service])), dollars(total)];
  });
  return markdown([['a million', ...services, 'together'], ...rows]);
}

export function priceOfMillion({ requests, layers, besides }: Scenario): Record<Service, number> {
  const asked = Object.entries(requests);
  const operations = sum([
    ...asked.map(([name, times]) => [warmCost(name as CostName), times] as const),
    [besides, 1] as const,
  ]);
  const price = { Firestore: 0, 'Cloud Storage': 0, 'Pub/Sub': 0, functions: 0 };
  for (const [operation, times] of Object.entries(operations)) {
    const [service, each] = prices[operation as Operation];
    price[service] += million * times * each;
  }
  const count = asked.reduce((all, [, times]) => all + times, 0);
  const seconds = (count - layers) * secondsUsual + layers * secondsWithLayer;
  price.functions += million * (count * requestPrice + seconds * secondPrice);
  return price;
}

function warmCost(name: CostName): Operations {
  const { cold, warm = cold }: Cost = costs[name];
  return warm;
}

function sum(parts: readonly (readonly [Operations, number])[]): Operations {
  const total: Partial<Record<Operation, number>> = {};
  for (const [operations, factor] of parts) {
    for (const [operation, times] of Object.entries(operations) as [Operation, number][]) {
      total[operation] = (total[operation] ?? 0) + factor * times;
    }
  }
  return total;
}

export function dollars(amount: number): string {
  return amount === 0 ? '' : `$${amount.toFixed(2)}`;
}
