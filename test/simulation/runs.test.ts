/** Whole runs: the same from the same seed, none without faults, and what goes wrong is noticed, told and made short. */
import { describe, expect, it } from 'vitest';
import { Raft, type RaftInit } from '../../src/core/raft.ts';
import { allFaultKinds, type FaultKind, rolesOf } from '../../src/simulation/fault-kinds.ts';
import type { AnyGroup } from '../../src/simulation/fault-context.ts';
import { SimGroup } from '../../src/simulation/group-of-processes.ts';
import { historyLines, parseHistory } from '../../src/simulation/history.ts';
import { keyValueForm, type KeyValueOutput } from '../../src/simulation/key-value-model.ts';
import { checkAgreement, checkLeader, checkMended, checkTerms, highestTerm } from '../../src/simulation/liveness.ts';
import type { Mutant } from '../../src/simulation/mutants/mutant.ts';
import { Operator } from '../../src/simulation/operator.ts';
import { drawPlan, type Plan } from '../../src/simulation/plan.ts';
import { RegisterScript } from '../../src/simulation/register-script.ts';
import { type RegisterCommand, registers, type Registers } from '../../src/simulation/registers.ts';
import { runPlan } from '../../src/simulation/run.ts';
import { shrinkPlan } from '../../src/simulation/shrink.ts';
import { Story } from '../../src/simulation/story.ts';
import { traceLine } from '../../src/simulation/trace-lines.ts';
import type { Violation } from '../../src/simulation/violation.ts';
import { ViolationError } from '../../src/simulation/violation.ts';
import { Workload } from '../../src/simulation/workload.ts';

const short = { chaosMs: 8_000, clients: 2 } as const;

describe('a run', () => {
  it('is the same from the same seed to the last event, watched or not, and another from another', () => {
    const plan = drawPlan(17, short);
    const first = runPlan(plan);
    const lines: string[] = [];
    const second = runPlan(drawPlan(17, short), {
      listener: (event, at) => {
        lines.push(traceLine(event, lines.length + 1, at));
      },
    });
    expect(second).toEqual(first);
    expect(first.violation).toBeNull();
    expect(runPlan(drawPlan(18, short)).hash).not.toBe(first.hash);
    expect(lines.length).toBeGreaterThan(1_000);
    const [initial] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(Object.keys(initial ?? {})).toEqual(
      expect.arrayContaining(['seq', 'at', 'node', 'name', 'state', 'role', 'last', 'conf', 'learners']),
    );
  });

  it('has as many events as an examination wants, a change of leaders, and a history that can be read back', () => {
    const report = runPlan(drawPlan(3, { ...short, faults: [] }), { minSteps: 5_000 });
    expect(report.violation).toBeNull();
    expect(report.steps).toBeGreaterThanOrEqual(5_000);
    expect(report.leaderChanges).toBeGreaterThanOrEqual(2);
    expect(report.isVacuous).toBe(false);
    expect(report.faults.size).toBe(0);
    expect(parseHistory(historyLines(report.history), keyValueForm)).toEqual(report.history);
  });
});

describe('faults', () => {
  /** Kinds that find nothing to hit unless others came before. */
  const companions: Partial<Record<FaultKind, readonly FaultKind[]>> = {
    promote: ['add'],
    replace: ['add'],
    demote: ['add', 'promote'],
    remove: ['add', 'promote'],
    'remove-leader': ['add', 'promote'],
    'removed-returns': ['add', 'promote', 'remove'],
  };

  it.each(allFaultKinds)('of the kind %s happen, and hurt nobody', { timeout: 60_000 }, (kind) => {
    const kinds = [kind, ...(companions[kind] ?? [])];
    for (let seed = 1; seed <= 40; seed++) {
      const isLong = kind === 'removed-returns';
      const report = runPlan(
        drawPlan(seed, { chaosMs: isLong ? 60_000 : 10_000, clients: 1, members: 3, faults: kinds }),
      );
      expect(report.violation).toBeNull();
      const roles = report.faults.get(kind);
      if (roles === undefined) continue;
      for (const role of roles.keys()) expect(rolesOf(kind)).toContain(role);
      return;
    }
    expect.unreachable(`${kind} never happened`);
  });
});

describe('the checkers of clients', () => {
  type RegisterGroup = SimGroup<Registers, RegisterCommand, KeyValueOutput>;

  /** A calm group whose effects are told to its clients as `tell` has them. */
  function groupWith(
    tell: (workload: Workload<Registers, RegisterCommand, KeyValueOutput>, index: number, command: string) => void,
    options: Plan['options'] = {},
  ): { readonly group: RegisterGroup; readonly workload: Workload<Registers, RegisterCommand, KeyValueOutput> } {
    const drawn = drawPlan(5, { members: 3, faults: [], clients: 3 });
    const plan = { ...drawn, options: { ...drawn.options, ...options } };
    let workload: Workload<Registers, RegisterCommand, KeyValueOutput> | null = null;
    const group = new SimGroup<Registers, RegisterCommand, KeyValueOutput>({
      ...plan,
      machine: registers,
      digest: ({ digest }) => digest,
      describe: ({ id }) => String(id),
      newEffect: ({ index, command }) => {
        if (workload !== null) tell(workload, index, command);
      },
    });
    workload = new Workload(group, plan, new RegisterScript(plan.keys));
    return { group, workload };
  }

  function violationOf(action: () => void): Violation | null {
    try {
      action();
      return null;
    } catch (error) {
      if (error instanceof ViolationError) return error.violation;
      throw error;
    }
  }

  const digest = '';

  it('invariant S14 accuse an answer without an effect', () => {
    const { group } = groupWith(() => undefined);
    expect(violationOf(() => group.pass(20_000))?.invariant).toBe('S14');
  });

  it('invariant S15 accuse an effect of what was reported as not done', () => {
    const { group, workload } = groupWith(() => undefined, {
      proposals: { maxPending: 0, maxPendingBytes: 0, maxCommandBytes: 0 },
    });
    expect(violationOf(() => group.pass(5_000))).toBeNull();
    const found = Array.from({ length: 20 }, (_, i) =>
      violationOf(() => {
        workload.effect({ index: 100 + i, command: String(i + 1), digest });
      }),
    ).find((violation) => violation !== null);
    expect(found?.invariant).toBe('S15');
  });

  it('invariant S16 accuse a read that has not seen what had been answered', () => {
    const { group } = groupWith((workload, index, command) => {
      workload.effect({ index: index + 1_000, command, digest });
    });
    expect(violationOf(() => group.pass(20_000))?.invariant).toBe('S16');
  });

  it('invariant S17 accuse a command that takes effect twice', () => {
    const { group } = groupWith((workload, index, command) => {
      for (const at of [index, index + 1]) workload.effect({ index: at, command, digest });
    });
    expect(violationOf(() => group.pass(20_000))?.invariant).toBe('S17');
  });

  it('accuse nothing in a calm group', () => {
    const { group, workload } = groupWith((clients, index, command) => {
      clients.effect({ index, command, digest });
    });
    expect(violationOf(() => group.pass(10_000))).toBeNull();
    expect(workload.acknowledged).toBeGreaterThan(20);
  });

  it('invariant L1, L2, L5 and L8 accuse a group that does not come to rest', () => {
    const plan = drawPlan(5, { members: 3, faults: [] });
    const { group } = groupWith((clients, index, command) => {
      clients.effect({ index, command, digest });
    });
    const anyGroup = group as unknown as AnyGroup;
    const operator = new Operator(anyGroup, { forgetsIncarnation: false, learners: 0 });
    const healed = { group: anyGroup, operator, plan };
    group.pass(5_000);
    expect(violationOf(() => checkLeader(healed))).toBeNull();
    expect(violationOf(() => checkTerms(healed, { at: 0, term: highestTerm(anyGroup), departures: 0 }))).toBeNull();
    expect(
      violationOf(() => checkTerms(healed, { at: 0, term: highestTerm(anyGroup) - 10, departures: 0 }))?.invariant,
    ).toBe('L5');

    let calls = 0;
    const another = groupWith((clients, index, command) => {
      clients.effect({ index, command, digest });
    }).group as unknown as AnyGroup;
    expect(violationOf(() => checkAgreement({ ...healed, group: another }, () => String(calls++)))?.invariant).toBe(
      'L2',
    );

    const cut = groupWith(() => undefined).group as unknown as AnyGroup;
    for (const path of cut.network.paths) path.isCut = true;
    expect(violationOf(() => checkLeader({ ...healed, group: cut }))?.invariant).toBe('L1');

    class Restless extends Operator {
      override get isContent(): boolean {
        return false;
      }
    }
    const fourth = groupWith((clients, index, command) => {
      clients.effect({ index, command, digest });
    }).group as unknown as AnyGroup;
    expect(
      violationOf(() =>
        checkMended({
          ...healed,
          group: fourth,
          operator: new Restless(fourth, { forgetsIncarnation: false, learners: 0 }),
        }),
      )?.invariant,
    ).toBe('L8');
  });
});

describe('a bug', () => {
  const bug = (parts: Partial<Mutant>): Mutant => ({ name: 'for the test', bug: '', known: [], breaks: '', ...parts });

  it('that keeps everybody from leading is a violation of L1', () => {
    const mutant = bug({ rules: { mayVoteInTerm: () => false } });
    expect(runPlan(drawPlan(2, { ...short, members: 3 }), { mutant }).violation?.invariant).toBe('L1');
  });

  it('that refuses every command is a violation of L4', () => {
    class Deaf extends Raft {
      override propose(): ReturnType<Raft['propose']> {
        return { accepted: false, reason: 'busy' } as never;
      }
    }
    const mutant = bug({ createRaft: (init: RaftInit) => new Deaf(init) });
    const plan: Plan = { ...drawPlan(2, { ...short, members: 3, faults: [] }), thinkMs: 50 };
    const { violation } = runPlan(plan, { mutant });
    expect(violation?.invariant).toBe('L4');
  });

  it('that throws is a violation too', () => {
    class Thrower extends Raft {
      override tick(): void {
        throw new TypeError('a hole');
      }
    }
    const mutant = bug({ createRaft: (init: RaftInit) => new Thrower(init) });
    const { violation } = runPlan(drawPlan(2, short), { mutant });
    expect(violation?.invariant).toBe('thrown');
    expect(violation?.message).toContain('a hole');
  });

  it('is told in fifty lines or less, from a plan that was made short (X5)', { timeout: 60_000 }, () => {
    const mutant = bug({ rules: { mayVoteInTerm: () => true } });
    const run = (plan: Plan): Violation | null => runPlan(plan, { mutant }).violation;
    const plan = Array.from({ length: 20 }, (_, seed) => drawPlan(seed, short)).find((one) => run(one) !== null);
    if (plan === undefined) throw new Error('twenty seeds have not caught a second vote');
    const shrunk = shrinkPlan(plan, run, { maxRuns: 80 });
    expect(shrunk?.plan.faults.length).toBeLessThanOrEqual(plan.faults.length);
    expect(shrunk?.violation.step).toBeLessThanOrEqual(run(plan)?.step ?? 0);
    const story = new Story();
    const { violation } = runPlan(shrunk?.plan ?? plan, { mutant, listener: story.listener, narrator: story.narrator });
    expect(violation).toEqual(shrunk?.violation);
    const lines = story.tell(violation);
    expect(lines.length).toBeLessThanOrEqual(50);
    expect(lines.at(-1)).toContain(violation?.invariant);
    expect(lines.join('\n')).toContain('campaigns for term 1');
  });

  it('that is not there cannot be made short', () => {
    expect(shrinkPlan(drawPlan(1), () => null)).toBeNull();
  });

  it('keeps only the faults that it needs', () => {
    const plan = drawPlan(4, { chaosMs: 60_000 });
    const [first, , third] = plan.faults;
    if (first === undefined || third === undefined) throw new Error('the plan has too few faults');
    const needed = [first.at, third.at];
    const shrunk = shrinkPlan(plan, ({ faults }) =>
      needed.every((at) => faults.some((fault) => fault.at === at))
        ? { invariant: 'S1', message: '', at: 55_000, step: 1 }
        : null,
    );
    expect(shrunk?.plan.faults.map(({ at }) => at)).toEqual(needed);
    expect(shrunk?.plan.clients).toBe(1);
    expect(shrunk?.plan.members).toBe(3);
  });
});
