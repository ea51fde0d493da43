/** S16 where it can be seen before anybody reads: the checker accuses what was made by hand, and nothing that is right. */
import { beforeEach, describe, expect, it } from 'vitest';
import { nodeId } from '../../src/simulation/network.ts';
import { type LeaseHolder, ReadsChecker } from '../../src/simulation/reads-checker.ts';
import type { Run } from '../../src/simulation/run-of-member.ts';
import { eventOf, runOf } from './pictures.ts';

let committed: number;
let holders: LeaseHolder[];
let checker: ReadsChecker;

beforeEach(() => {
  committed = 0;
  holders = [];
  checker = new ReadsChecker(
    (invariant, message) => {
      throw new Error(`${invariant}: ${message}`);
    },
    () => committed,
    () => holders,
  );
});

function begin(run: Run, context: number): void {
  checker.traced(run, eventOf(run, { name: 'ReadStart', context }, 1));
}

function answer(run: Run, context: number, index: number): () => void {
  return () => {
    checker.traced(run, eventOf(run, { name: 'ReadReady', context, index }, 1));
  };
}

describe('the checker of reads', () => {
  it('invariant S16 accuses an answer from before what was committed when the read began', () => {
    const run = runOf('n1', { applied: 9 });
    committed = 5;
    begin(run, 1);
    begin(run, 2);
    committed = 7;
    expect(answer(run, 1, 5)).not.toThrow();
    expect(answer(run, 2, 4)).toThrow('S16: n1 reads at 4, and 5 was committed');
  });

  it('invariant S16 accuses an answer from a state that has not come so far', () => {
    const run = runOf('n1', { applied: 3 });
    begin(run, 1);
    begin(run, 2);
    expect(answer(run, 1, 3)).not.toThrow();
    expect(answer(run, 2, 4)).toThrow('a state that has come to 3');
  });

  it('invariant S16 accuses an election while another leader counts on its lease', () => {
    const elect = (term: number) => () => {
      const run = runOf('n2', {});
      checker.traced(run, eventOf(run, { name: 'BecomeLeader' }, term));
    };
    expect(elect(1)).not.toThrow();
    holders = [{ id: nodeId('n2'), term: 2 }];
    expect(elect(2)).not.toThrow();
    holders = [{ id: nodeId('n1'), term: 2 }];
    expect(elect(3)).toThrow('S16: n1 counts on its lease of term 2');
  });

  it('invariant S16 accuses a leader that wakes up with a lease, and another one leads', () => {
    const sleeper = runOf('n1', {});
    const other = runOf('n2', {});
    sleeper.leading = { term: 1, last: 0 };
    checker.traced(sleeper, eventOf(sleeper, { name: 'BecomeLeader' }, 1));
    checker.traced(other, eventOf(other, { name: 'BecomeLeader' }, 2));
    const wake = (): void => {
      checker.settled(sleeper);
    };
    expect(wake).not.toThrow();
    holders = [{ id: nodeId('n1'), term: 1 }];
    expect(wake).toThrow('S16');
  });
});
