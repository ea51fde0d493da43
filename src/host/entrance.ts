/**
 * How members come into a group, on both sides of the door: this host's own, and those that ask it. Before the founding all
 * ask the founder. After it, whoever asks is told so, and begins; the leader makes a learner of him, and the log tells him that
 * he is in.
 */
import { isMember } from '../core/configuration.ts';
import type { Exclusion } from '../core/exclusions.ts';
import type { Configuration, LogStart, NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import { kindOf } from '../identity/access.ts';
import type { HostId } from '../ids.ts';
import type { GroupRecord } from '../storage/database.ts';
import type { Founded, Join, JoiningMessage, JoinRefusal } from '../transport/messages.ts';
import type { Admission, PeerLink } from '../transport/transport.ts';
import { Founding } from './founding.ts';
import type { Seat } from './seats.ts';

/** How often whoever is not let in yet asks for it: leaders change, and are busy. */
const askEveryMs = 1000;

export interface EntranceInit {
  readonly record: GroupRecord;
  readonly clock: Clock;
  readonly seats: Iterable<Seat>;
  /** Our member; null before it has begun. */
  readonly member: () => { readonly configuration: Configuration; readonly exclusion: Exclusion | null } | null;
  /** There is no member at work here any more. */
  readonly isStopped: () => boolean;
  readonly send: (link: PeerLink, message: JoiningMessage) => void;
  /** Our member is to begin: with these founding members, or, with none, with nothing. */
  readonly begin: (founders: readonly NodeId[]) => void;
  /** Brings somebody who asks to the leader, if that is us; false when the group is full. */
  readonly admit: (admission: Admission) => boolean;
  /** The group does not take us. */
  readonly excluded: (reason: RaftError) => void;
  /** `missing` is different. */
  readonly changed: () => void;
}

export class Entrance {
  readonly #init: EntranceInit;
  readonly #founding: Founding;
  /** The founding members; empty where they are not known, or not any more. */
  #founders: readonly NodeId[] = [];
  readonly #stopAsking: () => void;

  constructor(init: EntranceInit) {
    this.#init = init;
    this.#founding = new Founding(init.record);
    const stop = init.clock.every(askEveryMs, () => {
      if (!this.isJoining) stop();
      else for (const { link } of init.seats) this.#ask(link);
    });
    this.#stopAsking = stop;
  }

  /** For a founder whose group is founded with nobody else. */
  foundIfComplete(): void {
    const { members } = this.#founding;
    if (members !== null) this.#init.begin(members);
  }

  /** Members that the founder still waits for; null when there is nothing to wait for, or somebody else founds the group. */
  get missing(): number | null {
    return this.#init.member() === null ? this.#founding.missing : null;
  }

  /**
   * Our member has to be let in, by the founder or by the leader: it is not in any configuration that it knows, and was not
   * put out of one. Whoever was removed knows it from the configuration that it was in last, or that came after it, so nobody
   * who was in asks again (M10).
   */
  get isJoining(): boolean {
    const { record, member, isStopped } = this.#init;
    if (record.founders !== null || isStopped()) return false;
    const own = member();
    return own === null || (own.exclusion === null && !isMember(own.configuration, record.member));
  }

  met(link: PeerLink): void {
    if (this.isJoining) this.#ask(link);
  }

  parted(host: HostId): void {
    this.#founding.parted(host);
  }

  #ask(link: PeerLink): void {
    const { member, machine } = this.#init.record;
    this.#init.send(link, { kind: 'Join', member, machine });
  }

  received(link: PeerLink, admission: Admission, message: JoiningMessage): void {
    if (message.kind === 'Join') this.#asked(link, admission, message);
    else if (message.kind === 'Founded') this.#founded(message);
    else if (this.isJoining) this.#init.excluded(refusal(message, this.#init.record));
  }

  #asked(link: PeerLink, admission: Admission, { machine }: Join): void {
    if (!this.#mayAnswer) return;
    const { record, member, send, admit } = this.#init;
    if (machine !== record.machine) {
      send(link, { kind: 'JoinRefused', reason: 'other-machine', machine: record.machine });
    } else if (member() !== null) {
      send(link, { kind: 'Founded', voters: this.#founders });
      if (!admit(admission)) send(link, { kind: 'JoinRefused', reason: 'full' });
    } else if (admission.kind === 'full') {
      this.#founding.joined(link.peer, admission.member);
      this.#init.changed();
      this.foundIfComplete();
    }
  }

  /** The founder answers, and whoever knows the group and is heard in it. */
  get #mayAnswer(): boolean {
    const { record, member } = this.#init;
    const own = member();
    if (own === null) return record.founders !== null;
    return kindOf(record.access) === 'full' && own.configuration.voters.length > 0;
  }

  #founded({ voters }: Founded): void {
    const { record, member, begin } = this.#init;
    if (member() !== null || record.founders !== null) return;
    begin(voters.includes(record.member) ? voters : []);
  }

  /** Our member has begun, here or in an earlier run. */
  begun({ index, configuration }: LogStart): void {
    this.#founders = index === 0 ? configuration.voters : [];
  }

  /** Everybody tells of the founding, not the founder alone: it may be gone, or out of reach, before all have heard it. */
  tellFounded(): void {
    if (this.#founders.length === 0) return;
    for (const { link } of this.#init.seats) this.#init.send(link, { kind: 'Founded', voters: this.#founders });
  }

  close(): void {
    this.#stopAsking();
  }
}

function refusal(message: JoinRefusal, { machine }: GroupRecord): RaftError {
  return message.reason === 'full'
    ? new RaftError('GROUP_FULL', 'the group has as many learners as it takes: have one removed, or promoted')
    : new RaftError('WRONG_MACHINE', `the group replicates the machine ${message.machine}, not ${machine}`);
}
