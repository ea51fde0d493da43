/** `group.metrics()` over real hosts and links, in virtual time. */
import { describe, expect, test } from 'vitest';
import { list, Tabs } from './tabs.ts';

describe('the metrics of a group', () => {
  test('count what goes over its links: what one sends the other receives, on each lane', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(2);
    const [one, other] = groups;
    if (one === undefined || other === undefined) throw new Error('two tabs');
    const before = one.metrics().traffic;
    await tabs.outcome(one.propose('x'.repeat(10_000)));
    tabs.clock.pass(500);
    const { traffic } = one.metrics();
    const bulk = traffic.sent.bulk.bytes - before.sent.bulk.bytes;
    expect(bulk).toBeGreaterThan(10_000);
    expect(bulk).toBeLessThan(30_000);
    expect(traffic.sent.control.frames).toBeGreaterThan(before.sent.control.frames);
    expect(traffic.encoding.count).toBeGreaterThanOrEqual(traffic.sent.control.frames + traffic.sent.bulk.frames);
    // Nothing more leaves, and what is on its way arrives.
    one.close();
    tabs.clock.pass(50);
    expect(other.metrics().traffic.received).toEqual(one.metrics().traffic.sent);
  });

  test('are plain data that JSON takes, before the founding, at work and after the end', async () => {
    const tabs = new Tabs();
    const host = tabs.open(0);
    const alone = await host.create(list, null, 2);
    expect(alone.metrics().gauges).toEqual({ pending: 0, term: 0, commitIndex: 0, appliedIndex: 0 });

    const { groups } = await new Tabs().found(1);
    const [group] = groups;
    if (group === undefined) throw new Error('a tab');
    expect(JSON.parse(JSON.stringify(group.metrics()))).toEqual(group.metrics());
    group.close();
    expect(group.metrics().counters.elections).toBe(1);
  });
});
