// The events port, with faults.

import type { Events } from '#shared/ports/events.ts';
import type { Faults } from './faults.ts';

export function faultyEvents(events: Events, faults: Pick<Faults, 'strike'>): Events {
  return {
    publish: async (topic, orderingKey, messages) => {
      const fault = faults.strike('publish', 'publish');
      if (fault?.fate === 'refused') throw fault.error;
      const taken = fault?.fate === 'in part' ? Math.floor(messages.length / 2) : messages.length;
      await events.publish(topic, orderingKey, messages.slice(0, taken));
      if (fault?.fate === 'published twice') await events.publish(topic, orderingKey, messages);
      else if (fault !== undefined) throw fault.error;
    },
  };
}
