// GET /metrics: figures in Prometheus' text format. They name no repository, but tell how much is going on:
// for the admin alone.

import { RegistryError } from '#shared/oci/errors.ts';
import type { Action } from '../action.ts';

export const metrics: Action = async (_, services) => {
  if (services.metrics === undefined) {
    throw new RegistryError('NAME_UNKNOWN', { message: 'there are no figures kept here' });
  }
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: await services.metrics(),
  };
};
