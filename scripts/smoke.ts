import { drawPlan } from '../src/simulation/plan.ts';
import { runPlan } from '../src/simulation/run.ts';
const [from = 1, count = 20] = process.argv.slice(2).map(Number);
let steps = 0;
const t0 = performance.now();
let sim = 0;
for (let seed = from; seed < from + count; seed++) {
  const t = performance.now();
  try {
    const r = runPlan(drawPlan(seed));
    steps += r.steps;
    sim += r.simulatedMs;
    console.log(
      seed,
      r.hash,
      r.steps,
      Math.round(r.simulatedMs),
      'ms',
      Math.round(performance.now() - t),
      'L',
      r.leaderChanges,
      'C',
      r.commits,
      'X',
      r.crashes,
      'M',
      r.membershipChanges,
      'S',
      r.snapshots,
      r.installs,
      'ops',
      r.operations,
      r.acknowledged,
      r.isVacuous ? 'VACUOUS' : '',
      r.violation ? JSON.stringify(r.violation) : '',
    );
  } catch (e) {
    console.log(seed, 'THROWN', (e as Error).stack);
  }
}
const ms = performance.now() - t0;
console.log({ steps, evps: (steps / ms) * 1000, ratio: sim / ms });
