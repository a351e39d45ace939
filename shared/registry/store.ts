// What the rules of the registry need of the world: the ports, together.

import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { RecentListings } from './recent-listings.ts';
import type { RecentManifests } from './recent-manifests.ts';

export interface Store {
  readonly documents: Documents;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /** This instance's; without them each manifest is read whenever it is asked for. */
  readonly recent?: RecentManifests;
  /** This instance's too. */
  readonly listings?: RecentListings;
}
