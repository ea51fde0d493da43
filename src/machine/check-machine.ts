/**
 * For authors: applies a history of commands to a machine in several ways that must come to the same, and says where they
 * do not. What it finds would make the members of a group part without noticing.
 */
import { seededRandom } from '../core/random.ts';
import type { Entry, NodeId } from '../core/types.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { RaftError } from '../errors.ts';
import { encodeEnvelope, sessionId } from './envelope.ts';
import type { ApplyContext, MachineDefinition } from './machine.ts';
import { differenceOf, unfaithfulPart } from './plain.ts';
import type { ReducerMachine } from './reducer.ts';
import { encodeCommand, ReplicatedMachine } from './replicated.ts';

/**
 * - `again`: the same history gave another result or state. Does the machine look at a clock, at random numbers, or at
 *   anything else beside its arguments?
 * - `restored`: a machine that was restored from a snapshot before this command did something else
 * - `unfaithful`: a part of a state or a result is read back as something else: a field that is undefined, or -0
 * - `in-place`: it changed the state or the command that it was given
 * - `unwritable`: the command, or the state, is no plain data, or is nested too deep
 */
export type DivergenceKind = 'again' | 'restored' | 'unfaithful' | 'in-place' | 'unwritable';

export interface Divergence {
  readonly kind: DivergenceKind;
  /** Which command of the history it was, from 0, */
  readonly at: number;
  /** and that command. */
  readonly command: unknown;
  /** What differs, for example `state.items[2].name`. */
  readonly what: string;
}

export interface MachineReport {
  /** How many commands the machine rejected: no fault, but worth a look. */
  readonly rejected: number;
  /** The first of each kind; none for a machine that passes. */
  readonly divergences: readonly Divergence[];
}

const members = ['alice', 'bob', 'carol'] as NodeId[];
const startTime = 1_700_000_000_000;
const stepMs = 1000;

/** What one run came to after a command. */
interface Point {
  readonly verdict: unknown;
  readonly state: unknown;
  /** Of the snapshot; null when it cannot be written. */
  readonly checksum: number | null;
}

/**
 * Applies a history once through a snapshot before every command, and twice without, and compares results and states after
 * each. The clock goes on between the runs, so that whoever looks at it is found out. Commands come from several members,
 * a second apart. It writes the state several times for each command: a few hundred commands are enough.
 * @throws RaftError INVALID_ARGUMENT when there are no commands
 */
export function checkMachine<State, Command, Result>(
  machine: MachineDefinition<State, Command, Result>,
  commands: readonly Command[],
): MachineReport {
  if (commands.length === 0) throw new RaftError('INVALID_ARGUMENT', 'a check needs commands: give a history of them');
  // Only of reducers is the state plain data, and only they can be asked without a log.
  const reducer = machine as Partial<ReducerMachine<State, Command, Result>>;
  const found = new Map<DivergenceKind, Divergence>();
  const note = (kind: DivergenceKind, at: number, what: string | null): void => {
    if (what !== null && !found.has(kind)) found.set(kind, { kind, at, command: commands[at], what });
  };
  const attempt = <Value>(at: number, name: string, action: () => Value): Value | null => {
    try {
      return action();
    } catch (cause) {
      note('unwritable', at, `${name}: ${String(cause)}`);
      return null;
    }
  };
  const pointAfter = (replica: ReplicatedMachine<State, Command, Result>, entry: Entry, at: number): Point => {
    const effect = replica.apply(entry);
    const verdict = effect?.kind === 'effect' ? effect.verdict : null;
    const state = reducer.apply === undefined ? null : replica.state;
    return { verdict, state, checksum: attempt(at, 'state', () => checksumOf(replica.snapshot())) };
  };
  const history = new History(machine);
  const entries = commands.map((command, at) => attempt(at, 'command', () => history.entry(command, at)));

  const straight = new ReplicatedMachine(machine);
  let restored = new ReplicatedMachine(machine);
  const points = entries.map((entry, at): Point | null => {
    if (entry === null) return null;
    const context = { ...placeOf(at), version: machine.version, random: seededRandom(at) };
    note('in-place', at, changedInPlace(reducer, straight.state, straight.commandOf(entry), context));
    const point = pointAfter(straight, entry, at);
    if (reducer.apply !== undefined) note('unfaithful', at, unfaithfulPart(point.state, 'state'));
    note('unfaithful', at, unfaithfulPart(resultOf(point.verdict), 'result'));
    restored = attempt(at, 'state', () => restoredFrom(machine, restored)) ?? restored;
    note('restored', at, differenceOfPoints(point, pointAfter(restored, entry, at)));
    return point;
  });

  letTimePass();
  const again = new ReplicatedMachine(machine);
  for (const [at, entry] of entries.entries()) {
    const point = points[at] ?? null;
    if (entry !== null && point !== null) note('again', at, differenceOfPoints(point, pointAfter(again, entry, at)));
  }
  const rejected = points.filter((point) => isRejected(point?.verdict)).length;
  return { rejected, divergences: [...found.values()].sort((a, b) => a.at - b.at) };
}

/** The commands as they would stand in a log, each member's under a session of its own. */
class History {
  readonly #machine: MachineDefinition<unknown, unknown, unknown>;
  readonly #turns = new Map<NodeId, number>();

  constructor(machine: MachineDefinition<unknown, unknown, unknown>) {
    this.#machine = machine;
  }

  /** @throws Error for a command that cannot be written, which leaves no gap */
  entry(command: unknown, at: number): Entry {
    const call = encodeCommand(this.#machine, command);
    const { index, term, time, proposer } = placeOf(at);
    const sequence = (this.#turns.get(proposer) ?? 0) + 1;
    this.#turns.set(proposer, sequence);
    const session = sessionId(`check by ${proposer}`, 0);
    const envelope = { time, proposer, session, sequence, known: sequence - 1, call };
    return { index, term, kind: 'command', data: encodeEnvelope(envelope) };
  }
}

/** Where in the log a command stands, when it came and from whom. */
function placeOf(at: number): Pick<ApplyContext, 'index' | 'term' | 'time' | 'proposer'> {
  const proposer = members[at % members.length] ?? ('alice' as NodeId);
  return { index: at + 1, term: 1, time: startTime + at * stepMs, proposer };
}

function restoredFrom<State, Command, Result>(
  machine: MachineDefinition<State, Command, Result>,
  from: ReplicatedMachine<State, Command, Result>,
): ReplicatedMachine<State, Command, Result> {
  const restored = new ReplicatedMachine(machine);
  restored.restore([...from.snapshot()]);
  return restored;
}

function checksumOf(sections: Iterable<Uint8Array>): number {
  let checksum = 0;
  for (const section of sections) checksum = crc32c(section, checksum);
  return checksum;
}

function differenceOfPoints(one: Point, other: Point): string | null {
  const found =
    differenceOf(plainVerdict(one.verdict), plainVerdict(other.verdict), 'verdict') ??
    differenceOf(one.state, other.state, 'state');
  return found ?? (one.checksum === other.checksum ? null : 'snapshot');
}

/** Errors are no data: what they say is in the reason. */
function plainVerdict(verdict: unknown): unknown {
  return isRejected(verdict) ? { kind: 'rejected', reason: verdict.reason } : verdict;
}

function isRejected(verdict: unknown): verdict is { readonly kind: 'rejected'; readonly reason: string } {
  return typeof verdict === 'object' && verdict !== null && 'kind' in verdict && verdict.kind === 'rejected';
}

function resultOf(verdict: unknown): unknown {
  return typeof verdict === 'object' && verdict !== null && 'result' in verdict ? verdict.result : undefined;
}

/** Lets a reducer have copies that are not frozen, and looks at them afterwards. */
function changedInPlace<State, Command>(
  reducer: Partial<ReducerMachine<State, Command, unknown>>,
  state: State,
  command: Command | null,
  context: ApplyContext,
): string | null {
  if (reducer.apply === undefined || command === null) return null;
  const [stateCopy, commandCopy] = [structuredClone(state), structuredClone(command)];
  try {
    reducer.apply(stateCopy, commandCopy, context);
  } catch {
    // Whoever throws may have changed something before.
  }
  return differenceOf(state, stateCopy, 'state') ?? differenceOf(command, commandCopy, 'command');
}

/** The one place that looks at a clock: so that two runs do not see the same time. */
function letTimePass(): void {
  /* eslint-disable no-restricted-globals -- it is the author's clock, and the machine must not notice */
  const start = Date.now();
  while (Date.now() - start < 2);
  /* eslint-enable no-restricted-globals */
}
