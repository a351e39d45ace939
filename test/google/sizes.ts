// What a registry costs a month, at three sizes: by the operations of costs.ts, Google's list prices, and what is assumed of
// who uses it. The table in infra/terraform/README.md is made of it.
//
// In US dollars, without taxes, discounts and commitments. What is free each month counts only where it is the project's
// own. As told on 2026-11-24 by copies of Google's pages and by those who quote them; none could be compared with the live
// page. A price that only others quote is marked (others), and one for which nobody was found is marked (unverified).
//
//   load balancing    cloud.google.com/load-balancing/pricing: $0.025 an hour for the first five forwarding rules together,
//                     $0.008 for a GiB in, and for one out.
//   Cloud Armor       Standard (others): a policy $5, a rule $1, a million requests $0.75.
//   Cloud Scheduler   cloud.google.com/scheduler/pricing: $0.10 a job.
//   Secret Manager    cloud.google.com/secret-manager/pricing: $0.06 an active version in one location, which is what
//                     automatic replication counts as.
//   Cloud Storage     cloud.google.com/storage/pricing-examples: Standard in us-central1 $0.020 for a GB, to the internet $0.12
//                     (the first TB; what is beyond is cheaper, and not counted so). To Google Cloud in that region: free. Of a
//                     bucket in a multi-region such as `us`, each GB that a cluster pulls is $0.02 (others), and storing $0.026.
//   Firestore         cloud.google.com/firestore/pricing, of a multi-region: $0.18 stored (others), and the same for what
//                     point-in-time recovery keeps (others); $0.03 for a GiB of backups (unverified).
//   logs, figures     cloud.google.com/stackdriver/pricing: $0.50 for a GiB beyond a project's 50; figures of our own $0.258
//                     for a MiB; uptime checks: a million a month are a project's own. Alerts cost nothing until 2027-09-01 at
//                     least, and then $0.35 for each figure that one names (others).
//   Compute Engine    us-central1 (others): e2-small $12.23, e2-medium $24.46, e2-standard-4 $97.84; a balanced disk $0.10
//                     for a GB (unverified).
//   Artifact Registry cloud.google.com/artifact-registry/pricing: $0.10 for a GB; within a location nothing is asked for what
//                     is sent.

import { markdown } from './costs.ts';
import {
  dollars,
  million,
  priceOfMillion,
  type Scenario,
  type Service,
  scenarios,
} from './estimate.ts';

interface Size {
  readonly who: string;
  /** A month, each as estimate.ts has it. */
  readonly pushes: number;
  readonly pulls: number;
  readonly looks: number;
  readonly storedGb: number;
  /** Of what is pulled, what leaves Google Cloud. The rest is pulled in the region of the bucket. */
  readonly toInternetGb: number;
  readonly pulledGb: number;
  readonly pushedGb: number;
  /** What the database holds: tags, manifests, edges and the audit. */
  readonly metadataGib: number;
  /** What could do the same: how many of them, and what one costs. It keeps layers on its disk, or in a bucket as we do. */
  readonly machines: { readonly name: string; readonly count: number; readonly each: number };
  readonly onDisk: boolean;
}

const sizes: readonly Size[] = [
  {
    who: 'a team of 5',
    ...{ pushes: 500, pulls: 2000, looks: 20_000 },
    ...{ storedGb: 50, toInternetGb: 20, pulledGb: 200, pushedGb: 25, metadataGib: 0.1 },
    machines: { name: 'e2-small', count: 1, each: 12.23 },
    onDisk: true,
  },
  {
    who: 'a company of 50, with CI and a cluster',
    ...{ pushes: 10_000, pulls: 100_000, looks: 500_000 },
    ...{ storedGb: 1000, toInternetGb: 200, pulledGb: 10_000, pushedGb: 500, metadataGib: 2 },
    machines: { name: 'e2-medium', count: 2, each: 24.46 },
    onDisk: false,
  },
  {
    who: 'a company of 1,000, with many clusters',
    ...{ pushes: 300_000, pulls: 5 * million, looks: 20 * million },
    ...{
      storedGb: 20_000,
      toInternetGb: 2000,
      pulledGb: 500_000,
      pushedGb: 15_000,
      metadataGib: 50,
    },
    machines: { name: 'e2-standard-4', count: 3, each: 97.84 },
    onDisk: false,
  },
];

const hours = 730;
const minutes = hours * 60;

const balancer = hours * 0.025;
const balancerGib = 0.008;
/** Requests and answers without layers: mostly headers and manifests. */
const requestKib = 4;

/** One policy of three rules: one for logins, one for all, and what holds for the rest. */
const armor = 5 + 3 * 1;
const armorRequest = 0.75 / million;

const jobs = 3;
/** Eight secrets, of which some have the version before beside the one in use. */
const secretVersions = 12;
/** Of the figures that are made of the log: one for each minute and one for each ten, in one location. */
const figuresMib = ((minutes + minutes / 10) * 80) / 1024 ** 2;

const storageGb = 0.02;
/** What was deleted is kept for another week. */
const softDeleted = 1.05;
const internetGb = 0.12;
/** As stored; as much again for recovery to any minute; and 7 daily and 14 weekly backups. */
const metadataGib = 0.18 + 0.18 + (7 + 14) * 0.03;

/** Our line of a request, and Cloud Run's own. The load balancer writes one of a hundred, which is not counted. */
const loggedKib = 1.5;
const logGib = 0.5;
const logGibFree = 50;

/** By itself, whoever uses it: an outbox that is swept each minute, reviews each ten, and two uptime checks from three places. */
const byItself: readonly (readonly [Scenario, number])[] = [
  [{ what: 'sweeps', requests: { 'sweep of nothing': 1 }, layers: 0, besides: {} }, minutes],
  [
    { what: 'collects', requests: { 'collect of nothing': 1 }, layers: 0, besides: {} },
    minutes / 10,
  ],
  [
    { what: 'checks', requests: { 'version, nobody': 1 }, layers: 0, besides: {} },
    (2 * 3 * minutes) / 5,
  ],
];

interface Bill {
  readonly [line: string]: number;
}

/** What stands there, whether anybody uses it or not. */
function fixedBill(): Bill {
  const idle = pricesOf(byItself);
  return {
    'the load balancer’s addresses': balancer,
    'Cloud Armor’s policy': armor,
    'schedules, secrets, sweeps, checks, figures':
      jobs * 0.1 +
      secretVersions * 0.06 +
      figuresMib * 0.258 +
      Object.values(idle).reduce((all, one) => all + one, 0),
  };
}

function billOfUse(size: Size): Bill {
  const { pull, look, push } = scenarios;
  const used: readonly (readonly [Scenario, number])[] = [
    [pull, size.pulls],
    [look, size.looks],
    [push, size.pushes],
  ];
  const prices = pricesOf(used);
  const requests = requestsOf(used);
  const logs = Math.max(0, (requests * loggedKib) / 1024 ** 2 - logGibFree);
  return {
    'Firestore: requests': prices.Firestore,
    'Firestore: kept, with recovery and backups': size.metadataGib * metadataGib,
    'Cloud Storage: kept': size.storedGb * softDeleted * storageGb,
    'Cloud Storage: requests': prices['Cloud Storage'],
    'functions and uploads': prices.functions,
    'Pub/Sub': prices['Pub/Sub'],
    'load balancer and Cloud Armor, by use':
      ((requests * requestKib) / 1024 ** 2 + size.pushedGb) * balancerGib + requests * armorRequest,
    logs: logs * logGib,
    'sent to the internet': size.toInternetGb * internetGb,
  };
}

function pricesOf(used: readonly (readonly [Scenario, number])[]): Record<Service, number> {
  const total = { Firestore: 0, 'Cloud Storage': 0, 'Pub/Sub': 0, functions: 0 };
  for (const [scenario, times] of used) {
    const price = priceOfMillion(scenario);
    for (const service of Object.keys(total) as Service[]) {
      total[service] += (price[service] * times) / million;
    }
  }
  return total;
}

function requestsOf(used: readonly (readonly [Scenario, number])[]): number {
  return used.reduce((all, [{ requests }, times]) => {
    const each = Object.values(requests).reduce((sum, count) => sum + count, 0);
    return all + each * times;
  }, 0);
}

/**
 * The same load balancer before machines that run some registry. What lies on their disk goes through it; from a bucket they
 * send clients there as we do. Nobody is paid to look after them.
 */
function billOfMachines(size: Size): number {
  const { count, each } = size.machines;
  const kept = size.storedGb * (size.onDisk ? 0.1 : storageGb);
  const through = ((size.onDisk ? size.pulledGb : 0) + size.pushedGb) * balancerGib;
  return balancer + count * each + kept + through + size.toInternetGb * internetGb;
}

function billOfArtifactRegistry(size: Size): number {
  return size.storedGb * 0.1 + size.toInternetGb * internetGb;
}

/** The table of infra/terraform/README.md, in Markdown: dollars a month. */
export function sizesTable(): string {
  const fixed = fixedBill();
  const bills = sizes.map((size) => ({ ...fixed, ...billOfUse(size) }) as Bill);
  const count = (of: (size: Size) => number) => sizes.map((size) => of(size).toLocaleString('en'));
  const money = (amounts: readonly number[]) => amounts.map((amount) => dollars(amount) || '$0.00');
  const lines = Object.keys(bills[0] ?? {}).map((line) => [
    line,
    ...money(bills.map((bill) => bill[line] ?? 0)),
  ]);
  const sum = (bill: Bill) => Object.values(bill).reduce((all, one) => all + one, 0);
  return markdown([
    ['a month', ...sizes.map(({ who }) => who)],
    ['pushes', ...count(({ pushes }) => pushes)],
    ['pulls of what a node has not', ...count(({ pulls }) => pulls)],
    ['looks of nodes that have it', ...count(({ looks }) => looks)],
    ['GB kept', ...count(({ storedGb }) => storedGb)],
    ['GB pulled', ...count(({ pulledGb }) => pulledGb)],
    ['of these to the internet', ...count(({ toInternetGb }) => toInternetGb)],
    ...lines,
    ['**together**', ...bills.map((bill) => `**${dollars(sum(bill))}**`)],
    ['of which idle', ...bills.map(() => dollars(sum(fixed)))],
    [
      'machines of one’s own',
      ...sizes.map((size) => {
        const { name, count: machines } = size.machines;
        return `${dollars(billOfMachines(size))} (${machines} ${name})`;
      }),
    ],
    ['Artifact Registry', ...money(sizes.map(billOfArtifactRegistry))],
  ]);
}
