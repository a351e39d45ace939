// The settings of mirrors, the same wherever Berth runs: a table.

import { countSchema, type Setting } from '../settings.ts';
import { mirrorFreshSecondsMax, mirrorKeepDaysMax } from './limits.ts';
import {
  bytesPerHourSchema,
  flagSchema,
  mirrorCredentialsSchema,
  mirrorsSchema,
  upstreamsSchema,
} from './upstream.ts';

export const mirrorSettings = {
  BERTH_MIRRORS: {
    schema: mirrorsSchema,
    fallback: '',
    meaning:
      'hosts that are mirrors of other registries, separated by commas: `HOST` of Docker Hub, `HOST=URL` of another',
  },
  BERTH_MIRROR_UPSTREAMS: {
    schema: upstreamsSchema,
    fallback: '',
    meaning:
      'registries that containerd may name to a mirror (`?ns=`) beside Docker Hub, separated by commas: `HOST`, its `URL`, or `HOST=URL` of what stands for it; and `*` for any that is public',
  },
  BERTH_MIRROR_CREDENTIALS: {
    schema: mirrorCredentialsSchema,
    fallback: '',
    meaning:
      'what to log in with at upstreams, as JSON: `{"docker.io":{"username":"…","password":"…"}}`; beside these `realm`, the `https://host` of a token service that is not on the upstream’s own host',
  },
  BERTH_MIRROR_LOGIN: {
    schema: flagSchema,
    fallback: '0',
    meaning: '1 where whoever pulls from a mirror has to log in to this registry',
  },
  BERTH_MIRROR_FRESH_SECONDS: {
    schema: countSchema(mirrorFreshSecondsMax),
    fallback: '600',
    meaning: 'how long a mirrored tag is served before its upstream is asked whether it moved',
  },
  BERTH_MIRROR_KEEP_DAYS: {
    schema: countSchema(mirrorKeepDaysMax),
    fallback: '30',
    meaning: 'after how many days mirrored content goes that nobody pulled',
  },
  BERTH_MIRROR_BYTES_PER_HOUR: {
    schema: bytesPerHourSchema,
    fallback: '0',
    meaning: 'how much may come of one upstream in an hour; 0 for no limit',
  },
} as const satisfies Readonly<Record<string, Setting>>;
