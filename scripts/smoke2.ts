import { drawPlan } from '../src/simulation/plan.ts';
import { runPlan } from '../src/simulation/run.ts';
import type { TraceEvent } from '../src/core/trace.ts';
const [seed = 1, tail = 60] = process.argv.slice(2, 4).map(Number);
const filter = process.argv[4];
const plan = drawPlan(seed);
const lines: string[] = [];
const r = runPlan(plan, {
  listener: (e: TraceEvent) => {
    if (e.name === 'Decision') return;
    if (filter && !(e.node.match(filter) || e.name.match(filter))) return;
    const { node, name, role, state, last, conf: _c, learners: _l, ...rest } = e as never as Record<string, unknown>;
    lines.push(
      `${node as string} ${name as string} ${role as string} ${JSON.stringify(state)} last ${last as number} ${JSON.stringify(rest, (k, v: unknown) => (v instanceof Uint8Array ? `bytes${v.byteLength}` : k === 'entries' ? (v as { index: number }[]).map((x) => x.index) : v))}`,
    );
  },
});
console.log(lines.slice(-tail).join('\n'));
console.log(JSON.stringify({ options: plan.options, network: plan.network, disk: plan.disk, kinds: plan.kinds }));
console.log(plan.faults.map((f) => `${f.at} ${f.kind} ${f.duration}`).join('\n'));
console.log(r.violation, [...r.faults].map(([k, m]) => `${k}:${[...m].map(([a, b]) => a + b).join(',')}`).join(' '));
