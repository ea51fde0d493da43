/**
 * What somebody wants of the membership, as goals: how a leader gets there, and whether a configuration is there. A goal that
 * is reached already is met by a change that changes nothing, so that whoever asks learns it from the log (M7).
 */
import { memberKind, type MembershipStep } from '../core/configuration.ts';
import { exclusionOf } from '../core/exclusions.ts';
import type { MembershipRefusal } from '../core/membership.ts';
import type { Configuration, NodeId } from '../core/types.ts';
import type { RaftErrorCode } from '../errors.ts';
import type { DemandRefusal, MembershipDemand } from '../transport/messages.ts';

/** The steps from a configuration in force to what is wanted, or why there are none. */
export function stepsFor(
  demand: MembershipDemand,
  configuration: Configuration,
): readonly MembershipStep[] | DemandRefusal {
  if ('prefix' in demand) return [demand];
  const { kind, id } = demand;
  const present = memberKind(configuration, id);
  if (present === null) return kind === 'remove' && exclusionOf(configuration, id) !== null ? [] : 'not-a-member';
  if (kind === 'remove') return [{ kind: 'remove', id }];
  if (present === 'witness') return 'witness';
  if (kind === 'demote') return present === 'voter' ? [{ kind: 'add-learner', id }] : [];
  return present === 'reader' ? 'reader' : [{ kind: 'add-voter', id }];
}

/** Whether a configuration is what was wanted; a joint one, whether it will be when it is left. */
export function isMet(demand: MembershipDemand, configuration: Configuration): boolean {
  const { voters, outgoing, learners, learnersNext, banned } = configuration;
  const stays = (id: NodeId): boolean => voters.includes(id) || learners.includes(id) || learnersNext.includes(id);
  switch (demand.kind) {
    case 'promote':
      return voters.includes(demand.id);
    case 'demote':
      return !voters.includes(demand.id) && stays(demand.id);
    case 'remove':
      return !stays(demand.id) && (outgoing.includes(demand.id) || exclusionOf(configuration, demand.id) !== null);
    case 'ban':
      return banned.includes(demand.prefix);
    case 'unban':
      return !banned.includes(demand.prefix);
  }
}

/** What the core's reason means for whoever wants something. */
export const demandRefusals: Readonly<Record<MembershipRefusal, DemandRefusal>> = {
  'not-leader': 'not-leader',
  transferring: 'in-progress',
  'no-commit-in-term': 'in-progress',
  'pending-change': 'in-progress',
  joint: 'in-progress',
  'not-joint': 'in-progress',
  'needs-joint': 'in-progress',
  'version-mismatch': 'outdated',
  'not-caught-up': 'not-caught-up',
  'no-voter-left': 'last-voter',
  'witness-is-witness': 'witness',
  'reader-is-reader': 'reader',
  'too-many-banned': 'too-many-banned',
  excluded: 'not-a-member',
};

interface Failure {
  readonly code: RaftErrorCode;
  readonly message: string;
  /** It may be otherwise in a moment. */
  readonly isTransient: boolean;
}

const passing = (code: RaftErrorCode, message: string): Failure => ({ code, message, isTransient: true });
const final = (code: RaftErrorCode, message: string): Failure => ({ code, message, isTransient: false });

export const failures: Readonly<Record<DemandRefusal, Failure>> = {
  'not-leader': passing('TIMEOUT', 'no leader took it'),
  'in-progress': passing('CHANGE_IN_PROGRESS', 'another change, or a hand-over, has not ended: try again when it has'),
  outdated: passing('MEMBERS_CHANGED', 'the members are others than those that the change was meant for: look at them'),
  'not-caught-up': passing('NOT_CAUGHT_UP', 'the member does not keep up with the log yet: try again when it does'),
  'not-a-member': final('NOT_A_MEMBER', 'there is no such member in the group'),
  reader: final('READ_ONLY', 'the member has a read-only invite and cannot vote: give it a full one'),
  witness: final('NOT_SUPPORTED', 'a witness holds no commands and stays what it is: remove it instead'),
  'cannot-lead': final('CANNOT_LEAD', 'only a voter can lead: promote the member first'),
  'last-voter': final('LAST_VOTER', 'nobody would be left who can lead: promote another member first'),
  'too-many-banned': final('TOO_MANY_BANNED', 'the group holds no more bans: lift one that is not needed any more'),
};
