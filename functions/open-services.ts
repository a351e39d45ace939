// The composition root in the cloud: what each function is given, by its name.

import type { OpenServices } from './services.ts';

/** Opens what a function needs, and no more than that. */
export const openServices: OpenServices = async (target) => {
  throw new Error(`the services of ${target} on Google Cloud are not built yet`);
};
