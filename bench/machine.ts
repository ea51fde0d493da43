/** `npm run bench:machine`: how many commands of 128 bytes a member writes and applies a second, on one core, in Node. */
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import type { Entry, NodeId } from '../src/core/types.ts';
import { defineByteMachine } from '../src/machine/byte-machine.ts';
import { encodeEnvelope, sessionId } from '../src/machine/envelope.ts';
import { keyValue } from '../src/machine/library/key-value.ts';
import type { MachineDefinition } from '../src/machine/machine.ts';
import { defineMachine } from '../src/machine/reducer.ts';
import { encodeCommand, ReplicatedMachine } from '../src/machine/replicated.ts';
import { print, progress, quantile } from './report.ts';

const help = `Usage: npm run bench:machine -- [--commands N] [--rounds N] [--json]

  machine.encode          commands checked and written, with their envelopes
  machine.apply.reducer   entries of the log applied: a reducer that keeps the last command
  machine.apply.kv        the ready-made key-value machine, with 10,000 keys
  machine.apply.bytes     a machine with bytes of its own

Commands in a second of processor time. The value is the median of the rounds; the first of them, in which the code is compiled, does not count.

  --commands N  commands in a round (default 100000)
  --rounds N    rounds (default 5)
  --json        one line of JSON for each figure, and nothing else on standard output`;

const {
  commands: count,
  rounds,
  json,
} = commandLine(help, { commands: wholeNumber(100_000), rounds: wholeNumber(5), json: flag });

const session = sessionId('0123456789abcdef', 12_345);
const text = 'x'.repeat(110);

interface Numbered {
  readonly n: number;
  readonly text: string;
}

const reducer = defineMachine({
  name: 'last',
  initial: { last: null as Numbered | null },
  apply: (_, command: Numbered) => ({ state: { last: command }, result: command.n }),
});

const bytes = defineByteMachine({
  name: 'bytes',
  create: () => ({
    state: null,
    apply: (command) => command.subarray(0, 8),
    snapshot: () => [],
    restore: () => undefined,
  }),
});

function entriesOf(machine: MachineDefinition<unknown, unknown, unknown>, make: (i: number) => unknown): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const call = encodeCommand(machine, make(i));
    const sequence = i + 1;
    const known = Math.max(0, sequence - 256);
    const envelope = { time: 1_700_000_000_000 + i, proposer: 'member' as NodeId, session, sequence, known, call };
    return { index: sequence, term: 1, kind: 'command', data: encodeEnvelope(envelope) };
  });
}

/** How often in a second of processor time: what else the computer does does not count. */
function rates(name: string, action: () => void): void {
  const measured: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    progress(`${name}: round ${round} of ${rounds}`);
    const before = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) measured.push((count * 1_000_000) / (user + system));
  }
  progress('');
  print({ name, value: quantile(measured, 0.5), unit: '/s', n: count * rounds }, json);
}

function applies(
  name: string,
  machine: MachineDefinition<unknown, unknown, unknown>,
  make: (i: number) => unknown,
): void {
  const entries = entriesOf(machine, make);
  rates(name, () => {
    const replica = new ReplicatedMachine(machine);
    for (const entry of entries) replica.apply(entry);
  });
}

const numbered = (n: number): Numbered => ({ n, text });
rates('machine.encode', () => void entriesOf(reducer, numbered));
applies('machine.apply.reducer', reducer, numbered);
applies('machine.apply.kv', keyValue(), (i) => ({
  op: 'put',
  key: `key ${(i * 7919) % 10_000}`,
  value: text.slice(0, 90),
}));
applies('machine.apply.bytes', bytes, () => new Uint8Array(125));
