// The tables of the API in HTTP/2: an answer is the same in either protocol.

import '#test/api/access.test.ts';
import '#test/api/admin.test.ts';
import '#test/api/conditional-pushes.test.ts';
import '#test/api/limits.test.ts';
import '#test/api/pull.test.ts';
import '#test/api/push-blobs.test.ts';
import '#test/api/push-manifests.test.ts';
import '#test/api/push-mounts.test.ts';
import '#test/api/upload-sequences.test.ts';
import { streaming, useHost } from '#test/support/hosts.ts';

useHost(streaming('h2c'));
