// HTTP/1.1 on the port that speaks HTTP/2 as well: uploads, and bytes that are no good requests.

import '#test/api/hostile.test.ts';
import '#test/api/push-blobs.test.ts';
import '#test/api/upload-sequences.test.ts';
import { streaming, useHost } from '#test/support/hosts.ts';

useHost(streaming('http'));
