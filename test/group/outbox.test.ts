/** C1 the outbox step by step: what is durable before what is sent, told or forgotten. */
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import { Outbox } from '../../src/group/outbox.ts';
import type { ProposalOutcome } from '../../src/group/pending.ts';
import { defaultProposalLimits } from '../../src/group/proposal-limits.ts';
import { Proposals } from '../../src/group/proposals.ts';
import type { SessionId } from '../../src/machine/envelope.ts';
import type { Effect } from '../../src/machine/replicated.ts';
import { MemoryOutbox } from '../../src/storage/memory-outbox.ts';
import type { OutboxChange } from '../../src/storage/storage.ts';

/** A store whose changes complete when the test says so. */
class SlowStore {
  readonly disk: MemoryOutbox = new MemoryOutbox();
  readonly #issued: { readonly change: OutboxChange; readonly done: (error: RaftError | null) => void }[] = [];

  get outbox(): MemoryOutbox['content'] {
    return this.disk.content;
  }

  keep(change: OutboxChange, done: (error: RaftError | null) => void): void {
    this.#issued.push({ change, done });
  }

  /** What is on its way. */
  get changes(): OutboxChange[] {
    return this.#issued.map(({ change }) => change);
  }

  complete(error: RaftError | null = null): OutboxChange {
    const issued = this.#issued.shift();
    if (issued === undefined) throw new Error('nothing is on its way');
    if (error === null) this.disk.change(issued.change);
    issued.done(error);
    return issued.change;
  }
}

function run(store: SlowStore, keepsNew = true) {
  let sessions = 0;
  const proposals = new Proposals<number>(
    () => `s${++sessions}` as SessionId,
    defaultProposalLimits,
    new Outbox({ storage: store, keepsNew }),
  );
  const outcomes: ProposalOutcome<number>[] = [];
  const add = (byte: number) => proposals.add(Uint8Array.of(byte), 0, (outcome) => outcomes.push(outcome));
  return { proposals, outcomes, add };
}

const effect = (session: string, sequence: number, kind: 'applied' | 'forgotten' = 'applied'): Effect<number> => ({
  kind: 'effect',
  session: session as SessionId,
  sequence,
  verdict: kind === 'applied' ? { kind, result: sequence } : { kind },
  command: null,
});

const sent = (proposals: Proposals<number>) => {
  const { session, sequence, known, commands } = proposals.next(1) ?? {};
  return [session, sequence, known, commands?.map(([byte]) => byte)];
};

const ship = (proposals: Proposals<number>): void => {
  const shipment = proposals.next(1);
  if (shipment === null) throw new Error('there is nothing to send');
  proposals.shipped(shipment);
};

/** Commands 1 and 2 have durable places in session `s1`. */
function placed() {
  const store = new SlowStore();
  const all = run(store);
  all.add(1);
  all.add(2);
  all.proposals.openSession(0);
  all.proposals.place();
  all.proposals.flush();
  store.complete();
  return { store, ...all };
}

describe('the outbox', () => {
  test('stores a command and its place together when there is a session, and nothing is sent before', () => {
    const store = new SlowStore();
    const { proposals, add } = run(store);
    add(1);
    proposals.openSession(0);
    proposals.place();
    proposals.flush();
    expect(store.changes).toMatchObject([
      { add: [{ number: 1, expires: null }], remove: [], placement: { session: 's1', next: 2, last: 1 } },
    ]);
    expect(proposals.next(1)).toBeNull();
    // What comes meanwhile waits for its turn.
    add(2);
    proposals.place();
    proposals.flush();
    expect(store.changes).toHaveLength(1);
    store.complete();
    expect(sent(proposals)).toEqual(['s1', 1, 0, [1]]);
    proposals.shipped(proposals.next(1) ?? { session: 's1' as SessionId, sequence: 1, known: 0, commands: [] });
    expect(proposals.next(1)).toBeNull();
  });

  test('tells the group that an outcome is known only once the command is forgotten here', () => {
    const { store, proposals } = placed();
    ship(proposals);
    ship(proposals);
    proposals.observe(effect('s1', 1), 5);
    proposals.rewind();
    expect(sent(proposals)).toEqual(['s1', 2, 0, [2]]);
    proposals.tick(0);
    expect(sent(proposals)).toEqual(['s1', 2, 0, [2]]);
    expect(store.complete()).toMatchObject({ remove: [1] });
    expect(sent(proposals)).toEqual(['s1', 2, 1, [2]]);
  });

  test('gives up its places with the session, before a command that had one may be taken back', () => {
    const { store, proposals, outcomes } = placed();
    ship(proposals);
    const [first] = proposals.list;
    proposals.observe(effect('s1', 1, 'forgotten'), 5);
    const error = new RaftError('ABORTED', 'not wanted any more');
    expect(first?.withdraw(error)).toBe(true);
    proposals.flush();
    expect(outcomes).toEqual([]);
    expect(store.complete()).toEqual({ add: [], remove: [1], placement: null });
    expect(outcomes).toEqual([{ kind: 'failed', error }]);
    // What is left begins again, now and after a crash.
    proposals.openSession(6);
    proposals.place();
    proposals.flush();
    store.complete();
    expect(sent(proposals)).toEqual(['s2', 1, 0, [2]]);
    const { proposals: next } = run(store);
    next.continueSession();
    expect(sent(next)).toEqual(['s2', 1, 0, [2]]);
  });

  test('goes on in another run under the same session, behind what was settled', () => {
    const { store, proposals } = placed();
    ship(proposals);
    proposals.observe(effect('s1', 1), 5);
    proposals.tick(0);
    store.complete();
    const { proposals: next, add } = run(store);
    expect(next.list.map(({ call, sequence, keeping }) => [...call, sequence, keeping])).toEqual([[2, 2, 'kept']]);
    // Not before it has come as far as the group.
    expect([next.wantsToContinue, next.next(1)]).toEqual([true, null]);
    next.continueSession();
    expect(sent(next)).toEqual(['s1', 2, 1, [2]]);
    add(3);
    next.place();
    next.flush();
    expect(store.complete()).toMatchObject({
      add: [{ number: 3 }],
      placement: { session: 's1', next: 4, last: 3 },
    });
    ship(next);
    expect(sent(next)).toEqual(['s1', 3, 1, [3]]);
  });

  test('says what a session that was forgotten leaves open: only what may have been sent', () => {
    const { store, proposals, outcomes, add } = placed();
    add(3);
    proposals.place();
    proposals.flush();
    // Its place is on its way, so it was not sent.
    proposals.recover({ lastOf: () => 0, outcomeOf: () => null, isForgotten: () => true });
    const unknown = { kind: 'failed', error: { code: 'SESSION_FORGOTTEN', outcome: 'unknown' } };
    expect(outcomes).toMatchObject([unknown, unknown]);
    expect(proposals.list.map(({ call, sequence }) => [...call, sequence])).toEqual([[3, null]]);
    store.complete();
    proposals.tick(0);
    expect(store.complete()).toEqual({ add: [], remove: [1, 2], placement: null });
    proposals.openSession(9);
    proposals.place();
    proposals.flush();
    store.complete();
    expect(sent(proposals)).toEqual(['s2', 1, 0, [3]]);
  });

  test('that fails for good says so, and is asked for nothing more', () => {
    const store = new SlowStore();
    const { proposals, outcomes, add } = run(store);
    const failures: RaftError[] = [];
    proposals.listener = { changed: () => undefined, failed: (error) => failures.push(error) };
    add(1);
    proposals.flush();
    const lost = new RaftError('STORAGE_LOST', 'another tab has it');
    store.complete(lost);
    expect([failures, outcomes]).toEqual([[lost], []]);
    // Whether it is there nobody knows.
    proposals.failAll((outcome) => new RaftError('STORAGE_LOST', 'another tab has it', { outcome }));
    expect(outcomes).toMatchObject([{ error: { code: 'STORAGE_LOST', outcome: 'unknown' } }]);
  });

  test('keeps what a member that was removed had not sent for nothing: it is certainly not done', () => {
    const store = new SlowStore();
    const { proposals, outcomes, add } = run(store);
    add(1);
    proposals.flush();
    store.complete();
    proposals.failAll((outcome) => new RaftError('REMOVED', 'it was removed', { outcome }), false);
    expect(outcomes).toMatchObject([{ error: { code: 'REMOVED', outcome: 'not-done' } }]);
  });
});
