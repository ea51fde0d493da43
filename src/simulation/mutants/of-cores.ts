/** A core that does one thing otherwise, where no rule of it could be replaced. */
import { Raft, type RaftInit } from '../../core/raft.ts';
import { type Rules, standardRules } from '../../core/rules.ts';
import type { Ready } from '../../core/output.ts';
import type { MembershipStep } from '../../core/configuration.ts';
import type { MembershipOptions, MembershipResult } from '../../core/membership.ts';
import type { RaftOptions } from '../../core/options.ts';
import type { AppendEntries, Configuration, Index, LogStart, Message, NodeId, Term } from '../../core/types.ts';
import type { Mutant } from './mutant.ts';

/** The core with rules that it may look at itself. */
type RulesOf = (rules: Rules) => Partial<Rules>;

function withRules(init: RaftInit, change: RulesOf): RaftInit {
  const rules = init.rules ?? standardRules;
  return { ...init, rules: { ...rules, ...change(rules) } };
}

const unlimited = 2 ** 40;

function withOptions(options: Partial<RaftOptions>): (init: RaftInit) => Raft {
  return (init) => new Raft({ ...init, options: { ...init.options, ...options } });
}

/** A snapshot carries the configuration before the last change. */
class ForgetfulSnapshots extends Raft {
  #before: Configuration | null = null;

  override applied(index: Index): void {
    const { configuration } = this;
    super.applied(index);
    if (this.configuration !== configuration) this.#before = configuration;
  }

  override snapshotPoint(): LogStart | null {
    const point = super.snapshotPoint();
    return point && { ...point, configuration: this.#before ?? point.configuration };
  }
}

class EverlastingLease extends Raft {
  override voidLease(): void {
    // Time has passed, and nobody cares.
  }
}

/** For the confirmation of reads a learner that has answered stands for a voter that has not. */
class LearnersCount extends Raft {
  readonly #answers: { of: Term; readonly rounds: Map<NodeId, number>; suffice: (round: number) => boolean };

  constructor(init: RaftInit) {
    const answers = { of: 0, rounds: new Map<NodeId, number>(), suffice: (_round: number): boolean => false };
    super(withRules(init, (rules) => ({ isConfirmed: (of) => rules.isConfirmed(of) || answers.suffice(of.round) })));
    this.#answers = answers;
    answers.suffice = (round) => {
      const { voters, learners } = this.configuration;
      const hasAnswered = (id: NodeId): boolean => id === init.id || (answers.rounds.get(id) ?? 0) >= round;
      return [...voters, ...learners].filter(hasAnswered).length > voters.length / 2;
    };
  }

  override step(message: Message): void {
    if (message.kind === 'HeartbeatResponse' && message.term === this.term) {
      if (this.#answers.of !== this.term) this.#answers.rounds.clear();
      this.#answers.of = this.term;
      this.#answers.rounds.set(message.from, message.round);
    }
    super.step(message);
  }
}

/** What does the deleting are the rules of conflicts, which have another answer while `isPurged` holds. */
class PurgedIsConflict extends Raft {
  readonly #mood: { isPurged: boolean };

  constructor(init: RaftInit) {
    const mood = { isPurged: false };
    super(
      withRules(init, (rules) => ({
        isKnownToAgree: (of) => !mood.isPurged && rules.isKnownToAgree(of),
        extendsLog: (of) => mood.isPurged || rules.extendsLog(of),
        isConflict: (of) => (mood.isPurged ? of.ownTerm !== undefined : rules.isConflict(of)),
      })),
    );
    this.#mood = mood;
  }

  override step(message: Message): void {
    const isPurged = message.kind === 'AppendEntries' && message.prevIndex < this.startIndex;
    if (!isPurged) {
      super.step(message);
      return;
    }
    this.#mood.isPurged = true;
    super.step(atStart(message, this.startIndex));
    this.#mood.isPurged = false;
  }
}

/** What is left of an append from before the log is that nothing behind its beginning agrees. */
function atStart(message: AppendEntries, prevIndex: Index): AppendEntries {
  return { ...message, prevIndex, entries: [], commit: 0 };
}

/** While the window is full nothing goes out, not even a question. */
class MuteWindow extends Raft {
  override ready(): Ready | null {
    const ready = super.ready();
    if (ready === null || this.role !== 'leader') return ready;
    const { progress } = this.status();
    const isQuestion = (message: Message): boolean => {
      const of = progress.get(message.to);
      return message.kind === 'AppendEntries' && message.entries.length === 0 && of?.state === 'replicate' && of.paused;
    };
    return { ...ready, messages: ready.messages.filter((message) => !isQuestion(message)) };
  }
}

/** The leader that has entered a joint configuration leaves it, and nobody else. */
class JointForEver extends Raft {
  readonly #mood: { isAllowed: boolean };
  #enteredIn: Term = 0;

  constructor(init: RaftInit) {
    const mood = { isAllowed: true };
    super(withRules(init, (rules) => ({ isChangeFree: (of) => mood.isAllowed && rules.isChangeFree(of) })));
    this.#mood = mood;
  }

  override proposeMembership(steps: readonly MembershipStep[], options?: MembershipOptions): MembershipResult {
    const result = super.proposeMembership(steps, options);
    if (result.accepted) this.#enteredIn = this.term;
    return result;
  }

  override applied(index: Index): void {
    this.#by(() => {
      super.applied(index);
    });
  }

  override tick(): void {
    this.#by(() => {
      super.tick();
    });
  }

  /** Here joint configurations are left without being asked. */
  #by(action: () => void): void {
    this.#mood.isAllowed = this.#enteredIn === this.term;
    action();
    this.#mood.isAllowed = true;
  }
}

/** The log only grows. */
class NeverCompacts extends Raft {
  override compact(): Index {
    return this.startIndex;
  }
}

/** Only the transfer's own answer could end the sending of a snapshot. */
class AwaitsSnapshots extends Raft {
  constructor(init: RaftInit) {
    super({ ...init, options: { ...init.options, snapshotTimeoutTicks: unlimited } });
  }

  override step(message: Message): void {
    const isAnswer = message.kind === 'AppendEntriesResponse' && this.role === 'leader';
    if (isAnswer && this.status().progress.get(message.from)?.state === 'snapshot') return;
    super.step(message);
  }
}

/** Every answer, and every question, goes out twice. */
class SaysEverythingTwice extends Raft {
  override ready(): Ready | null {
    const ready = super.ready();
    return ready === null ? null : { ...ready, messages: ready.messages.flatMap((message) => [message, message]) };
  }
}

export const mutantsOfCores: readonly Mutant[] = [
  {
    name: 'snapshot-without-last-change',
    bug: 'a snapshot right after a change of membership lacks it (matrixone#23281)',
    known: ['A3'],
    breaks: 'S5',
    createRaft: (init) => new ForgetfulSnapshots(init),
  },
  {
    name: 'lease-survives-pause',
    bug: 'a lease is believed after a pause in which nobody counted the time (tikv#4680, d-engine#390)',
    known: ['A6'],
    breaks: 'Q7',
    createRaft: (init) => new EverlastingLease(init),
  },
  {
    name: 'learners-count-for-reads',
    bug: 'a learner stands in for voters when reads are confirmed (openraft d60f1e85)',
    known: ['A8'],
    breaks: 'Q8',
    createRaft: (init) => new LearnersCount(init),
  },
  {
    name: 'purged-entry-is-conflict',
    bug: 'an append behind an entry that is compacted away is taken for a conflict: the log is deleted (openraft#510)',
    known: ['A13'],
    breaks: 'R1',
    createRaft: (init) => new PurgedIsConflict(init),
  },
  {
    name: 'window-stays-full',
    bug: 'a window whose acknowledgements are lost is never asked about (etcd#14633, raft#31)',
    known: ['B9'],
    breaks: 'R15',
    createRaft: (init) => new MuteWindow(init),
  },
  {
    name: 'snapshot-awaited-for-ever',
    bug: 'no acknowledgement and no time-out ends the sending of a snapshot (etcd#10225, raft#84)',
    known: ['B7'],
    breaks: 'S1 S2',
    createRaft: (init) => new AwaitsSnapshots(init),
  },
  {
    name: 'joint-for-ever',
    bug: 'a joint configuration is left only by the leader that has entered it (etcd#12582, etcd#14545)',
    known: ['B10'],
    breaks: 'M5',
    createRaft: (init) => new JointForEver(init),
  },
  {
    name: 'campaign-without-pre-votes',
    bug: 'a member that hears nobody begins term after term',
    known: [],
    breaks: 'E8',
    createRaft: withOptions({ preVote: false }),
  },
  {
    name: 'log-never-compacted',
    bug: 'snapshots are taken, and the log goes on growing',
    known: [],
    breaks: 'S8',
    createRaft: (init) => new NeverCompacts(init),
  },
  {
    name: 'window-without-limit',
    bug: 'a leader sends ahead without a bound',
    known: [],
    breaks: 'R14',
    createRaft: withOptions({ maxInflightMessages: unlimited, maxInflightBytes: unlimited }),
  },
  {
    name: 'messages-without-limit',
    bug: 'an append carries all that there is',
    known: [],
    breaks: 'R17',
    createRaft: withOptions({ maxMessageBytes: unlimited }),
  },
  {
    name: 'everything-twice',
    bug: 'every message is sent twice',
    known: [],
    breaks: 'R13',
    createRaft: (init) => new SaysEverythingTwice(init),
  },
];
