// The tables of the API on functions-framework: what it does with a request on its way must not be seen in the answer.

import '#test/api/access.test.ts';
import '#test/api/admin.test.ts';
import '#test/api/collect.test.ts';
import '#test/api/conditional-pushes.test.ts';
import '#test/api/discovery.test.ts';
import '#test/api/management.test.ts';
import '#test/api/pages.test.ts';
import '#test/api/pull.test.ts';
import '#test/api/push-blobs.test.ts';
import '#test/api/push-manifests.test.ts';
import '#test/api/push-mounts.test.ts';
import '#test/api/refresh-tokens.test.ts';
import '#test/api/upload-sequences.test.ts';
import { framework, useHost } from '#test/support/hosts.ts';

useHost(framework);
