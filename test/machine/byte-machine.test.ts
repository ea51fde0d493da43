/** A machine that keeps its own bytes, and changes them in place: a tape of 64 KiB pages. */
import { describe, expect, test } from 'vitest';
import { type ByteMachine, defineByteMachine } from '../../src/machine/byte-machine.ts';
import { validateCommand } from '../../src/machine/machine.ts';
import { encodeUpgrade, ReplicatedMachine } from '../../src/machine/replicated.ts';
import { cutIntoParts, SectionReader } from '../../src/machine/snapshot-stream.ts';
import { callEntry, commandEntry } from './log.ts';

const pageBytes = 64 * 1024;

class Tape implements ByteMachine<{ readonly length: number }> {
  #pages: Uint8Array[] = [];
  /** Pages that a snapshot may still want: a write takes a copy first. */
  #shared = new Set<Uint8Array>();
  state: { readonly length: number } = { length: 0 };
  readonly moves: number[] = [];

  /** Writes the command at the end of the tape; the result is where it begins, in one byte of a page number. */
  apply(command: Uint8Array, { version }: { version: number }): Uint8Array {
    if (command[0] === 255) throw new Error('no tape has this byte');
    const start = this.state.length;
    for (const byte of command) this.#write(version > 1 ? byte + 1 : byte);
    return Uint8Array.of(Math.floor(start / pageBytes), (start % pageBytes) >> 8, start & 255);
  }

  #write(byte: number): void {
    const { length } = this.state;
    const at = Math.floor(length / pageBytes);
    let page = this.#pages[at];
    if (page === undefined || this.#shared.has(page))
      page = this.#pages[at] = page?.slice() ?? new Uint8Array(pageBytes);
    page[length % pageBytes] = byte;
    this.state = { length: length + 1 };
  }

  byteAt(place: number): number | undefined {
    return this.#pages[Math.floor(place / pageBytes)]?.[place % pageBytes];
  }

  *#sections(pages: readonly Uint8Array[], length: number): Generator<Uint8Array> {
    yield new TextEncoder().encode(String(length));
    yield* pages;
  }

  snapshot(): Iterable<Uint8Array> {
    for (const page of this.#pages) this.#shared.add(page);
    return this.#sections([...this.#pages], this.state.length);
  }

  restore(sections: Iterable<Uint8Array>): void {
    const [length, ...pages] = sections;
    this.state = { length: Number(new TextDecoder().decode(length)) };
    if (pages.length !== Math.ceil(this.state.length / pageBytes)) throw new RangeError('a page is missing');
    this.#pages = pages;
  }

  upgrade(version: number): void {
    if (version === 9) throw new Error('not this one');
    this.moves.push(version);
  }
}

const tapes: Tape[] = [];
const tape = (version: number) =>
  defineByteMachine({
    name: 'tape',
    version,
    create: () => {
      const made = new Tape();
      tapes.push(made);
      return made;
    },
  });

const bytes = (byte: number, count = 1): Uint8Array => new Uint8Array(count).fill(byte);

describe('a machine with bytes of its own', () => {
  test('gets commands and gives results as bytes, and rejects by throwing', () => {
    const machine = new ReplicatedMachine(tape(1));
    expect(machine.apply(commandEntry(tape(1), bytes(1, 3), { index: 1 }))).toMatchObject({
      verdict: { kind: 'applied', result: Uint8Array.of(0, 0, 0) },
    });
    const refused = machine.apply(commandEntry(tape(1), bytes(255), { index: 2 }));
    expect(refused).toMatchObject({ verdict: { kind: 'rejected', reason: 'Error: no tape has this byte' } });
    expect(machine.apply(commandEntry(tape(1), bytes(7), { index: 3 }))).toMatchObject({
      verdict: { result: Uint8Array.of(0, 0, 3) },
    });
    expect(machine.state).toEqual({ length: 4 });
    expect(machine.outcomeOf('one' as never, 3)).toMatchObject({ verdict: { result: Uint8Array.of(0, 0, 3) } });
    expect(machine.outcomeOf('one' as never, 2)).toMatchObject({ verdict: { kind: 'rejected' } });
    expect(machine.commandOf(commandEntry(tape(1), bytes(5), { index: 4 }))).toEqual(Uint8Array.of(5));
  });

  test('takes nothing but byte arrays', () => {
    for (const wrong of ['text', [1], null, new Float32Array(1)]) {
      expect(() => validateCommand(tape(1), wrong)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
  });

  test('S5 streams a snapshot of one moment while it goes on, and is restored from parts of any size', () => {
    const machine = new ReplicatedMachine(tape(1));
    machine.apply(commandEntry(tape(1), bytes(1, 150_000), { index: 1 }));
    const parts = cutIntoParts(machine.snapshot(), 60 * 1024);
    const reader = new SectionReader();
    let index = 2;
    for (const part of parts) {
      reader.add(part);
      machine.apply(commandEntry(tape(1), bytes(2, 10_000), { index: index++ }));
    }
    reader.end();
    const other = new ReplicatedMachine(tape(1));
    other.restore(reader.sections);
    const restored = tapes.at(-1);
    expect(other.state).toEqual({ length: 150_000 });
    expect([restored?.byteAt(149_999), restored?.byteAt(150_000)]).toEqual([1, 0]);
    for (let i = 2; i < index; i++) other.apply(commandEntry(tape(1), bytes(2, 10_000), { index: i }));
    expect([...other.snapshot()]).toEqual([...machine.snapshot()]);
  });

  test('keeps its state when a snapshot is damaged', () => {
    const machine = new ReplicatedMachine(tape(1));
    machine.apply(commandEntry(tape(1), bytes(1, 10), { index: 1 }));
    const other = new ReplicatedMachine(tape(1));
    other.apply(commandEntry(tape(1), bytes(2, 4), { index: 1 }));
    expect(() => {
      other.restore([...machine.snapshot()].slice(0, -1));
    }).toThrow('a page is missing');
    expect(other.state).toEqual({ length: 4 });
  });

  test('is told when the group moves to another version', () => {
    const machine = new ReplicatedMachine(tape(9));
    const made = tapes.at(-1);
    machine.apply(commandEntry(tape(1), bytes(1), { index: 1 }));
    const running = tapes.at(-1);
    expect(running).not.toBe(made);
    machine.apply(callEntry(encodeUpgrade({ version: 3 }), { index: 2 }));
    expect([machine.version, running?.moves]).toEqual([3, [3]]);
    machine.apply(commandEntry(tape(3), bytes(1), { index: 3 }));
    expect([running?.byteAt(0), running?.byteAt(1)]).toEqual([1, 2]);
    const refused = machine.apply(callEntry(encodeUpgrade({ version: 9 }), { index: 4 }));
    expect([refused, machine.version]).toMatchObject([{ verdict: { kind: 'rejected' } }, 3]);
    expect(machine.apply(callEntry(encodeUpgrade({ version: 10 }), { index: 5 }))).toMatchObject({ version: 10 });
  });
});
