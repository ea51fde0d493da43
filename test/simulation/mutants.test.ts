/**
 * Known bugs, each put back, and each noticed: the checkers are not blind. The seeds are those at which a bug is caught
 * soon; `npm run simulate -- --mutants` hunts each of them from other places, too.
 */
import { expect, test } from 'vitest';
import { mutants } from '../../src/simulation/mutants/all.ts';
import { drawPlan } from '../../src/simulation/plan.ts';
import { runPlan } from '../../src/simulation/run.ts';

const maxSeeds = 40;

test.each([
  [
    'A1 M2 raft-dev 2015: a change of membership before an entry of the term is committed',
    'change-before-commit-in-term',
  ],
  ['A3 S5 matrixone#23281: a snapshot without the last change of membership', 'snapshot-without-last-change'],
  ['A4 Q1 etcd#7331: a read before an entry of the term is committed', 'read-before-commit-in-term'],
  ['A5 Q2 etcd#20418: a read that earlier answers confirm', 'read-by-earlier-answers'],
  ['Q5 a read from a state that is behind', 'read-before-applied'],
  ['A7 R9 openraft#1802: a commit without a quorum', 'commit-without-quorum'],
  ['A9 R4 CCF#8172: a follower commits beyond what it has verified', 'commit-beyond-verified'],
  ['A11 R6 logcabin#44: entries of earlier terms committed by counting', 'commit-older-terms'],
  ['A12 R2 openraft 9540c904: a short append cuts the log', 'truncate-on-short-append'],
  ['A14 D3 D4 etcd#14370: entries acknowledged before they are durable', 'acknowledge-before-disk'],
  ['A15 D1 D2 openraft#1960: a vote before it is durable', 'vote-before-disk'],
  ['A16 D9 openraft#1385: a vote that was not stored', 'vote-not-stored'],
  ['A17 D9 cockroach#25173: a member that was wiped comes back under its id', 'amnesia'],
  ['A18 E4 NuRaft#293: two votes in a term', 'two-votes'],
  ['A19 D8 openraft#1795: what could not be read is sent as nothing', 'unread-entries-sent-empty'],
  ['A20 M1 etcd#7625: several changes of membership at once', 'several-changes-at-once'],
  ['M10 a member that was removed is added again', 'removed-is-added-again'],
  ['C3 a command that is sent again is taken for a new one', 'commands-lose-their-session'],
  ['C3 commands that come out of the outbox without their places', 'places-not-kept'],
  ['E3 a vote for a log that is behind', 'vote-for-stale-log'],
  ['R1 entries behind another entry than the leader has', 'append-without-match'],
  ['R5 a heartbeat that commits what the follower does not hold', 'heartbeat-commits-anything'],
])(
  '%s is noticed',
  (_, name) => {
    const mutant = mutants.find((one) => one.name === name) ?? null;
    expect(mutant).not.toBeNull();
    const isCaught = (seed: number): boolean => runPlan(drawPlan(seed), { mutant }).violation !== null;
    expect(Array.from({ length: maxSeeds }, (_unused, i) => i + 1).some(isCaught)).toBe(true);
  },
  120_000,
);
