/** L7: a group that says more than it has to is noticed, under load and at rest, and one that does not is left alone. */
import { describe, expect, it } from 'vitest';
import type { Ready } from '../../src/core/output.ts';
import { Raft } from '../../src/core/raft.ts';
import type { Message } from '../../src/core/types.ts';
import type { AnyGroup } from '../../src/simulation/fault-context.ts';
import { SimGroup } from '../../src/simulation/group-of-processes.ts';
import type { KeyValueOutput } from '../../src/simulation/key-value-model.ts';
import type { Mutant } from '../../src/simulation/mutants/mutant.ts';
import { Operator } from '../../src/simulation/operator.ts';
import { drawPlan } from '../../src/simulation/plan.ts';
import { type RegisterCommand, registers, type Registers } from '../../src/simulation/registers.ts';
import { checkIdleTraffic, checkTraffic } from '../../src/simulation/traffic-checker.ts';
import { ViolationError } from '../../src/simulation/violation.ts';
import { type Script, Workload } from '../../src/simulation/workload.ts';

/** With reads beside them, rounds of heartbeats would be all that is to be seen. */
const writes: Script<Registers, RegisterCommand, KeyValueOutput> = {
  next: (_random, id) => {
    const nothing = (): void => undefined;
    const command = { id, key: 'key', input: { operation: 'put', value: id } } as const;
    return { kind: 'write', command, done: nothing, unknown: nothing };
  },
};

/** What says the same, and is not taken for the same before it is sent. */
function again(message: Message): Message {
  return message.kind === 'AppendEntriesResponse' ? { ...message, index: message.index - 1 } : message;
}

/** A calm group at work, whose members send twice whatever `isSaidTwice` says. */
function groupThatRepeats(isSaidTwice: (message: Message) => boolean) {
  class Repeats extends Raft {
    override ready(): Ready | null {
      const ready = super.ready();
      if (ready === null) return null;
      const messages = ready.messages.flatMap((message) =>
        isSaidTwice(message) ? [message, again(message)] : [message],
      );
      return { ...ready, messages };
    }
  }
  const mutant: Mutant = { name: '', bug: '', known: [], breaks: '', createRaft: (init) => new Repeats(init) };
  const drawn = drawPlan(5, { members: 3, faults: [], clients: 3 });
  const network = { ...drawn.network, faults: { ...drawn.network.faults, reorders: false } };
  const plan = { ...drawn, network, thinkMs: 50 };
  let workload: Workload<Registers, RegisterCommand, KeyValueOutput> | null = null;
  const group = new SimGroup<Registers, RegisterCommand, KeyValueOutput>({
    ...plan,
    mutant,
    machine: registers,
    digest: ({ digest }) => digest,
    describe: ({ id }) => String(id),
    newEffect: (effect) => workload?.effect(effect),
  });
  workload = new Workload(group, plan, writes);
  const anyGroup = group as unknown as AnyGroup;
  const operator = new Operator(anyGroup, { forgetsIncarnation: false, learners: 0 });
  group.pass(5_000);
  return { workload, healed: { group: anyGroup, operator, plan } };
}

function violationOf(action: () => void): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof ViolationError) return `${error.violation.invariant} ${error.violation.message}`;
    throw error;
  }
}

function underLoad(isSaidTwice: (message: Message) => boolean): string | null {
  const { workload, healed } = groupThatRepeats(isSaidTwice);
  return violationOf(() => {
    checkTraffic(healed, workload);
  });
}

function atRest(isSaidTwice: (message: Message) => boolean): string | null {
  const { workload, healed } = groupThatRepeats(isSaidTwice);
  workload.stop();
  healed.group.pass(10_000);
  return violationOf(() => {
    checkIdleTraffic(healed);
  });
}

describe('the checker of traffic', () => {
  it('invariant L7 leaves a group alone that says what it has to', () => {
    expect(underLoad(() => false)).toBeNull();
    expect(atRest(() => false)).toBeNull();
  });

  it.each([
    ['AppendEntries', 'appends'],
    ['AppendEntriesResponse', 'acknowledgements'],
    ['Heartbeat', 'heartbeats'],
    ['HeartbeatResponse', 'answers to heartbeats'],
  ] as const)('invariant L7 accuses a group at work that says every %s twice', (kind, name) => {
    expect(underLoad((message) => message.kind === kind)).toMatch(new RegExp(`L7 under load: \\d+ ${name}`));
  });

  it('invariant L7 accuses a group at rest that does not keep silent', () => {
    expect(atRest((message) => message.kind === 'Heartbeat')).toMatch(/L7 at rest: \d+ heartbeats/);
  });
});
