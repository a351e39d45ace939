// The promise of shared/ports/events.ts, line by line, for every adapter.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventMessage, Events } from '#shared/ports/events.ts';
import { Inbox, type Takes } from '#test/support/inbox.ts';

export interface OpenEvents {
  readonly events: Events;
  /** The one that all inboxes subscribe to. */
  readonly topic: string;
  /** One that nobody subscribes to. */
  readonly deserted: string;
  close(): Promise<void>;
}

/** @param open opens a topic of its own, with a subscriber for each inbox; refused messages come again soon */
export function eventsContract(
  name: string,
  open: (inboxes: readonly Inbox[]) => Promise<OpenEvents>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`the events of ${name}`, options, () => {
    /** Runs with a subscriber for each of these. */
    const withSubscribers = async (
      takes: readonly Takes[],
      test: (opened: OpenEvents, inboxes: readonly [Inbox, ...Inbox[]]) => Promise<void>,
    ): Promise<void> => {
      const [first = all, ...others] = takes;
      const inboxes = [new Inbox(first), ...others.map((one) => new Inbox(one))] as const;
      const opened = await open(inboxes);
      try {
        await test(opened, inboxes);
      } finally {
        await opened.close();
      }
    };

    it('bring data and attributes to each subscriber, as they were published', () =>
      withSubscribers([all, all], async ({ events, topic }, inboxes) => {
        const attributes = { eventId: 'one', empty: '', text: 'ä\u{1f40b} "quoted"' };
        const data = '{"action":"INSERT","tag":"ä\u{1f40b}"}';
        await events.publish(topic, 'local/a', [{ data: Buffer.from(data), attributes }]);
        for (const inbox of inboxes) {
          await inbox.until(({ deliveries }) => deliveries.length > 0);
          const [delivery] = inbox.deliveries;
          assert.equal(delivery?.data, data);
          assert.deepEqual({ ...delivery?.attributes }, attributes);
          assert.equal(delivery?.orderingKey, 'local/a');
          assert.ok(delivery?.messageId);
        }
        assert.equal(inboxes[0].deliveries[0]?.messageId, inboxes[1]?.deliveries[0]?.messageId);
      }));

    it('bring what has one key in the order in which it was published, by one call and by several', () =>
      withSubscribers([all], async ({ events, topic }, [inbox]) => {
        const texts = Array.from({ length: 120 }, (_, at) => `n${at}`);
        for (let at = 0; at < texts.length; at += 30) {
          await events.publish(topic, 'local/a', texts.slice(at, at + 30).map(message));
        }
        await inbox.until(({ deliveries }) => deliveries.length >= texts.length);
        assert.deepEqual(inbox.firsts(), texts);
      }));

    it('keep the order of each key where keys are published side by side', () =>
      withSubscribers([all], async ({ events, topic }, [inbox]) => {
        const keys = Array.from({ length: 30 }, (_, at) => `local/${at}`);
        const texts = ['first', 'second', 'third'];
        await Promise.all(
          keys.map(async (key) => {
            for (const text of texts) await events.publish(topic, key, [message(`${key} ${text}`)]);
          }),
        );
        await inbox.until(({ deliveries }) => deliveries.length >= keys.length * texts.length);
        for (const key of keys) {
          assert.deepEqual(
            inbox.firsts(key),
            texts.map((text) => `${key} ${text}`),
          );
        }
      }));

    it('take nothing, and what nobody subscribes to', () =>
      withSubscribers([all], async ({ events, topic, deserted }, [inbox]) => {
        await events.publish(deserted, 'local/a', [message('nobody hears this')]);
        await events.publish(topic, 'local/a', []);
        await events.publish(topic, 'local/a', [message('this')]);
        await inbox.until(({ deliveries }) => deliveries.length > 0);
        assert.deepEqual(inbox.firsts(), ['this']);
      }));

    it('bring again what was refused, as it was, and then what follows it', () => {
      let refusals = 0;
      const refusesTwice: Takes = ({ data }) => {
        if (data !== 'b' || refusals === 2) return true;
        refusals += 1;
        return false;
      };
      return withSubscribers([refusesTwice], async ({ events, topic }, [inbox]) => {
        await events.publish(topic, 'local/a', ['a', 'b', 'c'].map(message));
        const came = (text: string) => inbox.deliveries.filter(({ data }) => data === text);
        await inbox.until(() => came('b').length >= 3 && came('c').length >= 1);
        assert.deepEqual(inbox.firsts(), ['a', 'b', 'c']);
        const [first, ...again] = came('b');
        for (const delivery of again) assert.deepEqual(delivery, first);
      });
    });

    it('bring other keys while what has one key is refused', () => {
      let takesAll = false;
      const refusesOneKey: Takes = ({ orderingKey }) => takesAll || orderingKey !== 'local/refused';
      return withSubscribers([refusesOneKey], async ({ events, topic }, [inbox]) => {
        await events.publish(topic, 'local/refused', [message('refused')]);
        await inbox.until(({ deliveries }) => deliveries.length > 1);
        const keys = Array.from({ length: 20 }, (_, at) => `local/${at}`);
        for (const key of keys) await events.publish(topic, key, [message(key)]);
        await inbox.until(() => keys.every((key) => inbox.firsts(key).length > 0));
        takesAll = true;
        await events.publish(topic, 'local/refused', [message('after it')]);
        await inbox.until(() => inbox.firsts('local/refused').length === 2);
      });
    });

    it('bring all to one subscriber while another takes nothing', () =>
      withSubscribers([all, () => false], async ({ events, topic }, [inbox]) => {
        const texts = Array.from({ length: 300 }, (_, at) => `n${at}`);
        for (let at = 0; at < texts.length; at += 100) {
          await events.publish(topic, 'local/a', texts.slice(at, at + 100).map(message));
        }
        await inbox.until(({ deliveries }) => deliveries.length >= texts.length);
        assert.deepEqual(inbox.firsts(), texts);
      }));
  });
}

const all: Takes = () => true;

function message(text: string): EventMessage {
  return { data: Buffer.from(text), attributes: { eventId: text } };
}
