// The version of the package.

import manifest from './package.json' with { type: 'json' };

export const version = manifest.version;

/** How a request says who sends it. */
export const userAgent = `berth/${version}`;
