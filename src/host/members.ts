/** Who is in the group, and what becomes of them: what an application calls about members, and about who leads. */
import { type MemberKind, memberKind, membersOf } from '../core/configuration.ts';
import type { NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { CancelChange } from '../group/changes.ts';
import { type HostId, hostOf, isHostId, isMemberId } from '../ids.ts';
import type { Demand } from '../transport/messages.ts';
import { prefixOf } from './admission.ts';
import type { CallOptions, Calls } from './calls.ts';
import type { GroupMember } from './group-member.ts';

export interface ChangeOptions extends CallOptions {
  /** Change nothing unless this is the version of the members, as `members.version` told it. */
  readonly ifVersion?: number;
}

export interface RemoveOptions extends ChangeOptions {
  /** Also shut the member's host out, under whatever member it comes. False by default. */
  readonly ban?: boolean;
}

/** One of those who are in the group. */
export interface MemberEntry {
  readonly id: NodeId;
  readonly kind: MemberKind;
}

/** What is behind it. */
type MembershipHere = Pick<GroupMember<unknown, never, unknown>, 'configuration' | 'change'>;

/**
 * Every call goes to the leader, from whichever member with full access, and resolves once it is committed and in force in
 * this tab. It is done once, or not at all. What is so already is done. Each waits for whatever is in the way, another change
 * for example, as long as `timeoutMs` says, and rejects with a RaftError whose `outcome` is `not-done` or `unknown`:
 *
 * - NOT_A_MEMBER: there is no such member; or this tab is in no group yet
 * - CHANGE_IN_PROGRESS, NOT_CAUGHT_UP, TIMEOUT: what was in the way all the time
 * - MEMBERS_CHANGED: the members are not of the version that `ifVersion` names
 * - READ_ONLY: this tab, or the member that is to be promoted, has a read-only invite
 * - LAST_VOTER, CANNOT_LEAD, TOO_MANY_BANNED, NOT_SUPPORTED for witnesses: the group would not work so
 * - INVALID_ARGUMENT, ABORTED, BUSY, or why this member stopped
 */
export class Members {
  readonly #here: () => MembershipHere;
  readonly #calls: Calls;

  constructor(here: () => MembershipHere, calls: Calls) {
    this.#here = here;
    this.#calls = calls;
  }

  /** Another number after each change, as far as this tab knows; for `ifVersion`. */
  get version(): number {
    return this.#here().configuration?.version ?? 0;
  }

  /** Everybody who is in the group, as far as this tab knows, in the order of ids. */
  get list(): readonly MemberEntry[] {
    const { configuration } = this.#here();
    if (configuration === null) return [];
    return membersOf(configuration).flatMap((id) => {
      const kind = memberKind(configuration, id);
      return kind === null ? [] : [{ id, kind }];
    });
  }

  /** The hosts that are banned. */
  get banned(): readonly HostId[] {
    return (this.#here().configuration?.banned ?? []).map((prefix) => hostOf(prefix as NodeId));
  }

  /** Gives a learner a vote, once it keeps up with the log. */
  async promote(id: NodeId, options: ChangeOptions = {}): Promise<void> {
    await this.#change({ kind: 'promote', id: checked(id) }, options);
  }

  /** Takes a voter its vote: it becomes a learner. */
  async demote(id: NodeId, options: ChangeOptions = {}): Promise<void> {
    await this.#change({ kind: 'demote', id: checked(id) }, options);
  }

  /** Removes a member for good; its host may join again as another one, unless it is banned. */
  async remove(id: NodeId, { ban = false, ...options }: RemoveOptions = {}): Promise<void> {
    const demand: Demand = ban
      ? { kind: 'ban', prefix: prefixOf(hostOf(checked(id))) }
      : { kind: 'remove', id: checked(id) };
    await this.#change(demand, options);
  }

  /** Lets a host that was banned join again, as a new member; named by itself, or by any member that it had. */
  async unban(id: HostId | NodeId, options: ChangeOptions = {}): Promise<void> {
    const host = isHostId(id) ? id : hostOf(checked(id));
    await this.#change({ kind: 'unban', prefix: prefixOf(host) }, options);
  }

  /** Has a voter lead; resolves when this tab knows that it does. Meanwhile nothing can be proposed, for an election timeout. */
  async transferLeadership(id: NodeId, options: CallOptions = {}): Promise<void> {
    await this.#change({ kind: 'transfer', id: checked(id) }, options);
  }

  async #change(demand: Demand, { ifVersion, ...options }: ChangeOptions): Promise<void> {
    if (ifVersion !== undefined && !(Number.isSafeInteger(ifVersion) && ifVersion >= 0)) {
      throw new RaftError('INVALID_ARGUMENT', `ifVersion must be a number that members.version told, not ${ifVersion}`);
    }
    let cancel: CancelChange = () => undefined;
    const end = this.#calls.watch(options, ({ code, reason }) => {
      cancel(code, reason);
    });
    try {
      await new Promise<void>((resolve, reject) => {
        cancel = this.#here().change(demand, ifVersion ?? null, (outcome) => {
          if (outcome.kind === 'done') resolve();
          else reject(outcome.error);
        });
      });
    } finally {
      end();
    }
  }
}

function checked(id: NodeId): NodeId {
  if (typeof id === 'string' && isMemberId(id)) return id;
  throw new RaftError('INVALID_ARGUMENT', `${String(id)} is no id of a member: see members.list`);
}
