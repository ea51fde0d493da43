/** Metrics as Prometheus reads them, beside what its own client library writes of the same figures. */
import { Histogram, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { defineMachine } from '../../src/machine/reducer.ts';
import { prometheusText } from '../../src/node/prometheus.ts';
import { Groups } from '../host/groups.ts';

const count = defineMachine({
  name: 'count',
  initial: 0,
  apply: (n: number, add: number) => ({ state: n + add, result: n + add }),
});

const seriesOf = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}_`) && !line.startsWith('#'));

describe('the text for Prometheus', () => {
  test('has every series of every group under one head', async () => {
    const groups = new Groups(count);
    groups.elect();
    await groups.value(groups.group('a').propose(1));
    const lines = prometheusText(['a', 'b'].map((name) => groups.group(name))).split('\n');
    const heads = lines.filter((line) => line.startsWith('# TYPE'));
    expect(new Set(heads).size).toBe(heads.length);
    const label = (member: string): string => `group="AAAAAAAAAAAAAAAAAAAAAA",member="${member}"`;
    expect(lines).toContain(`flotilla_proposals_total{${label('a')},outcome="committed"} 1`);
    expect(lines).toContain(`flotilla_proposals_total{${label('b')},outcome="committed"} 0`);
    for (const series of ['sent_frames', 'sent_bytes', 'received_frames', 'received_bytes']) {
      for (const lane of ['control', 'bulk']) {
        expect(lines).toContain(`flotilla_${series}_total{${label('b')},lane="${lane}"} 0`);
      }
    }
    const at = lines.indexOf('# TYPE flotilla_commit_index gauge');
    const index = groups.group('a').status().member?.commit ?? 0;
    expect(lines[at + 1]).toBe(`flotilla_commit_index{${label('a')}} ${index}`);
    expect(lines[at + 2]).toMatch(/^flotilla_commit_index\{.*member="b"\} \d+$/);
    const shape = /^[a-z_]+\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\} [-+.e\d]+$/;
    for (const line of lines) expect(line === '' || line.startsWith('# ') || shape.test(line), line).toBe(true);
  });

  test('counts in histograms as the client library of Prometheus does', async () => {
    const groups = new Groups(count);
    const { leader } = groups.elect();
    const group = groups.group(leader);
    const registry = new Registry();
    const { bounds } = group.metrics().histograms.commit;
    const known = new Histogram({
      name: 'flotilla_commit_seconds',
      help: 'the same',
      labelNames: ['group', 'member'],
      buckets: bounds.map((bound) => bound / 1000),
      registers: [registry],
    });
    for (const delay of [5, 0.5, 100, 300]) {
      groups.world.networkDelay = () => delay;
      await groups.value(group.propose(1));
    }
    // What the group measured, observed once more by the library: a value of each bucket stands for those in it.
    const { counts } = group.metrics().histograms.commit;
    expect(counts.filter((n) => n > 0).length).toBeGreaterThanOrEqual(3);
    counts.forEach((n, i) => {
      const value = (bounds[i] ?? 20_000) / 1000;
      for (let k = 0; k < n; k++) known.observe({ group: group.id, member: group.memberId }, value);
    });
    const withoutSum = (text: string): string[] =>
      seriesOf(text, 'flotilla_commit_seconds').filter((line) => !line.includes('_sum'));
    expect(withoutSum(prometheusText([group]))).toEqual(withoutSum(await registry.metrics()));
    expect(group.metrics().histograms.commit.count).toBe(4);
  });

  test('is empty but for its heads where there are no groups', () => {
    expect(
      prometheusText([])
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('# ')),
    ).toEqual([]);
  });
});
