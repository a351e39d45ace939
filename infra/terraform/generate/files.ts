// What Terraform reads of the code: a file of JSON for each. A test holds that they are up to date.

import { functionSettings } from '#functions/settings.ts';
import { urlMap } from '#infra/url-map/rules.ts';
import { documentKinds, expiringKinds, expiryField } from '#shared/google/firestore-fields.ts';

/** File, from infra/terraform → what is in it. */
export const generated: Readonly<Record<string, unknown>> = {
  'settings.json': Object.fromEntries(
    Object.entries(functionSettings).map(([name, setting]) => [
      name,
      { read_by: setting.readBy, default: 'fallback' in setting ? setting.fallback : null },
    ]),
  ),
  'modules/database/documents.json': {
    kinds: documentKinds,
    expiring_kinds: expiringKinds,
    expiry_field: expiryField,
  },
  'modules/load-balancer/url-map.json': urlMap,
};
