// What each deployed function is given, by its name and its environment.

import type { OpenServices } from './services.ts';

/** Opens what a function needs, and no more than that. */
export const openServices: OpenServices = async (target) => {
  const { openGoogleServices } = await import('./google.ts');
  return openGoogleServices(target, process.env);
};
