/** What is kept of the commands that were applied. */
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import { History } from '../../src/group/history.ts';
import type { AppliedCommand } from '../../src/machine/replicated.ts';

const command = (index: number, bytes = 1): AppliedCommand => ({
  index,
  term: 1,
  time: 0,
  proposer: 'a' as NodeId,
  version: 1,
  body: new Uint8Array(bytes),
  isApplied: true,
  value: new Uint8Array(0),
});

/** What is there from an index on: the index of the next command, or where everything is there from. */
function next(history: History, from: number): string {
  try {
    return String(history.next(from)?.index ?? 'none yet');
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return `${error.code} ${error.firstIndex}`;
  }
}

describe('the history', () => {
  test('gives the next command at an index or behind it, whatever lies between them', () => {
    const history = new History({ commands: 100, bytes: 1000 });
    expect([next(history, 1), next(history, 50)]).toEqual(['none yet', 'none yet']);
    for (const index of [2, 5, 6, 9]) history.add(command(index));
    const places = [1, 2, 3, 5, 6, 7, 9, 10].map((from) => next(history, from));
    expect(places).toEqual(['2', '2', '5', '5', '6', '9', '9', 'none yet']);
  });

  test('keeps so many commands, and says where it begins', () => {
    const history = new History({ commands: 3, bytes: 1000 });
    for (let index = 2; index <= 10; index += 2) history.add(command(index));
    // 4 is gone; there was nothing between it and 6.
    expect([4, 5, 6].map((from) => next(history, from))).toEqual(['COMPACTED 5', '6', '6']);
  });

  test('keeps so many bytes, and always the last command', () => {
    const history = new History({ commands: 100, bytes: 10 });
    for (let index = 1; index <= 5; index++) history.add(command(index, 4));
    expect([3, 4].map((from) => next(history, from))).toEqual(['COMPACTED 4', '4']);
    history.add(command(6, 100));
    expect([5, 6].map((from) => next(history, from))).toEqual(['COMPACTED 6', '6']);
  });

  test('begins anew behind a snapshot', () => {
    const history = new History({ commands: 100, bytes: 1000 });
    history.add(command(1));
    history.restart(20);
    expect([20, 21].map((from) => next(history, from))).toEqual(['COMPACTED 21', 'none yet']);
    history.add(command(22));
    expect(next(history, 21)).toBe('22');
  });

  test('is right after many more commands than it keeps', () => {
    const history = new History({ commands: 50, bytes: 1e9 });
    for (let index = 1; index <= 10_000; index++) {
      history.add(command(index));
      const first = Math.max(1, index - 49);
      expect(next(history, first)).toBe(String(first));
      expect(next(history, index)).toBe(String(index));
      if (first > 1) expect(next(history, first - 1)).toBe(`COMPACTED ${first}`);
    }
  });
});
