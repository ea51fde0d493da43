/**
 * A room, as a host sees it that is in it: the way from a name to a group. A host that has a member of the room's group
 * opens it, and goes on offering the group, so that others find it. Two groups that were founded under one name are
 * reported, and never merged.
 */
import { RaftError } from '../errors.ts';
import { deriveCredentials } from '../identity/access.ts';
import { decodeInvite, type Invite } from '../identity/invite.ts';
import type { RoomKey } from '../identity/room.ts';
import type { GroupId, NodeId } from '../ids.ts';
import type { GroupRecord } from '../storage/database.ts';
import type { Exclusion, RoomOffer, SignalingState } from '../transport/transport.ts';
import { aborted } from './abort.ts';
import { expelled } from './admission.ts';
import type { Group } from './group.ts';
import { Lobby, type LobbyInit } from './lobby.ts';
import { chooseGroup, type RoomView } from './room-choice.ts';

/** How it stands while a host waits for the room's group. */
export interface RoomWaiting {
  /** Hosts in the room that we are linked to, and this one. */
  readonly present: number;
  /** How many are to found the group, as this host was told. */
  readonly founders: number;
  readonly signaling: SignalingState;
}

export interface RoomRequest {
  /** The address of the broker; null for a room of tabs of this browser. */
  readonly signaling: string | null;
  readonly founders: number;
  /** The group to open, where two were founded; null for whichever the room is for. */
  readonly wanted: GroupId | null;
  /** Called whenever it stands differently, until there is a group. */
  readonly waiting?: (state: RoomWaiting) => void;
  readonly signal?: AbortSignal;
}

export interface RoomInit<State, Command, Result, Value>
  extends RoomRequest, Pick<LobbyInit, 'connector' | 'clock' | 'member'> {
  readonly key: RoomKey;
  /** Members that this host has of groups of this room. */
  readonly stored: () => Promise<readonly GroupRecord[]>;
  readonly open: (record: GroupRecord) => Promise<Group<State, Command, Result, Value>>;
  readonly create: () => Promise<Group<State, Command, Result, Value>>;
  readonly join: (invite: Invite) => Promise<Group<State, Command, Result, Value>>;
  /** Forgets a group that was not founded here. */
  readonly forget: (group: GroupId) => Promise<void>;
  readonly mayEnter: (group: GroupId, member: NodeId) => Exclusion | null;
  /** Called once. */
  readonly left: () => void;
}

/**
 * Whoever founds a group alone has founded it at once. A broker that has just started knows of no group, and its clients
 * come back within moments: so long a lone founder waits for somebody to say that there is one.
 */
const aloneMs = 1000;

/** `gathering`: we found it when enough are there. `waiting`: somebody else does. `member`: it is founded, and we are in. */
interface Current<State, Command, Result, Value> {
  readonly group: Group<State, Command, Result, Value>;
  role: 'gathering' | 'waiting' | 'member';
  /** Somebody said that it has its members. */
  isFounded: boolean;
  readonly unwatch: () => void;
}

/** Whoever waits for the room's group. */
interface Entering<State, Command, Result, Value> {
  resolve(group: Group<State, Command, Result, Value>): void;
  reject(error: unknown): void;
}

export class Room<State, Command, Result, Value> {
  readonly #init: RoomInit<State, Command, Result, Value>;
  #lobby: Lobby | null = null;
  #current: Current<State, Command, Result, Value> | null = null;
  #entering: Entering<State, Command, Result, Value> | null = null;
  /** Groups that we waited for. They may be founded yet, with our member in it: it is kept until we are in another. */
  readonly #abandoned = new Set<GroupId>();
  #isOver = false;
  #isBusy = false;
  #hasNews = false;

  constructor(init: RoomInit<State, Command, Result, Value>) {
    this.#init = init;
  }

  /**
   * Comes into the room; resolves when this host has a member at work in its group.
   * @throws RaftError ROOM_CONFLICT, ABORTED, CLOSED, GROUP_FULL, BANNED, REMOVED, and what opening and joining a group throw
   */
  async enter(): Promise<Group<State, Command, Result, Value>> {
    const { signal } = this.#init;
    const outcome = new Promise<Group<State, Command, Result, Value>>((resolve, reject) => {
      this.#entering = { resolve, reject };
    });
    const onAbort = (): void => {
      // What was begun is stored by then, perhaps, and goes on the next time.
      if (signal !== undefined) this.end(aborted(signal, 'unknown'));
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) this.end(aborted(signal, 'not-done'));
    else this.#attempt(() => this.#begin());
    try {
      return await outcome;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Leaves the room; whoever waits for its group is told why. A group that was entered is left to itself. */
  end(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lobby?.leave();
    const [entering, current] = [this.#entering, this.#current];
    this.#entering = null;
    entering?.reject(reason);
    if (entering !== null && current !== null) {
      current.unwatch();
      // It may be founded yet, with our member in it: it is taken up again the next time.
      current.group.close();
    }
    this.#init.left();
  }

  /** Whatever goes wrong while we wait ends the waiting. */
  #attempt(act: () => Promise<void>): void {
    act().catch((error: unknown) => {
      this.end(error);
    });
  }

  async #begin(): Promise<void> {
    const { key, mayEnter, founders } = this.#init;
    const [credentials] = await Promise.all([deriveCredentials(key.id, key.access), this.#openStored()]);
    if (this.#isOver) return;
    this.#lobby = new Lobby({
      ...this.#init,
      credentials,
      holdTokenMs: founders === 1 ? aloneMs : 0,
      mayEnter: (_host, member) => (this.#current === null ? null : mayEnter(this.#current.group.id, member)),
      offer: () => this.#offer(),
      changed: () => {
        this.#changed();
      },
      banned: () => {
        if (this.#isWaiting()) this.end(expelled('banned-key'));
      },
    });
  }

  /** Opens the member that we have. What was not founded here is taken up again only if somebody else may have founded it. */
  async #openStored(): Promise<void> {
    const { stored, wanted, open } = this.#init;
    const members: Group<State, Command, Result, Value>[] = [];
    for (const record of await stored()) {
      if (this.#isOver || (wanted !== null && record.group !== wanted)) continue;
      const group = await open(record);
      if (isAtWork(group)) members.push(group);
      else if (record.founders === null && this.#current === null) this.#follow(group, 'waiting');
      else await this.#giveUp(group, record.founders !== null);
    }
    const [member, another] = members;
    if (another !== undefined || this.#isOver) {
      for (const group of members) group.close();
      if (another !== undefined) throw conflict(members.map(({ id }) => id));
    } else if (member !== undefined) {
      await this.#drop();
      this.#follow(member, 'member');
    }
  }

  /** What we tell the others: of a group that is founded, or for which we gather. */
  #offer(): RoomOffer | null {
    if (this.#current === null || this.#current.role === 'waiting') return null;
    const { group, role } = this.#current;
    const { access, signaling } = decodeInvite(group.invite);
    return { group: group.id, access, signaling, isFounded: role === 'member' };
  }

  /** Something in the lobby is different from before. */
  #changed(): void {
    if (this.#isOver) return;
    const { waiting, founders, clock } = this.#init;
    const lobby = this.#lobby;
    if (this.#entering === null) this.#lookForConflicts();
    else if (lobby !== null) {
      const state = { present: lobby.others + 1, founders, signaling: lobby.signaling };
      // What an application's callback throws is none of our errors.
      if (waiting) clock.defer(() => waiting(state));
      this.#hasNews = true;
      if (!this.#isBusy) this.#attempt(() => this.#act());
    }
  }

  /** Goes for the group that it is to be, one step after the other. */
  async #act(): Promise<void> {
    this.#isBusy = true;
    try {
      while (this.#hasNews && this.#isWaiting()) {
        this.#hasNews = false;
        await this.#step();
      }
    } finally {
      this.#isBusy = false;
    }
  }

  /** Asked again after each call out. */
  #isWaiting(): boolean {
    return !this.#isOver && this.#entering !== null;
  }

  async #step(): Promise<void> {
    const { create, join, wanted, signaling } = this.#init;
    const { offers = [], hasToken = false } = this.#lobby ?? {};
    const choice = chooseGroup({ current: this.#viewOfCurrent(offers), offers, hasToken, wanted });
    if (choice.kind === 'stay') return;
    if (choice.kind === 'conflict') throw conflict(choice.groups);
    await this.#drop();
    if (!this.#isWaiting()) return;
    if (choice.kind === 'found') {
      this.#follow(await create(), 'gathering');
    } else {
      this.#abandoned.delete(choice.offer.group);
      this.#follow(await join({ ...choice.offer, signaling: signaling ?? choice.offer.signaling }), 'waiting');
    }
    this.#lobby?.spread();
  }

  #viewOfCurrent(offers: readonly RoomOffer[]): RoomView['current'] {
    const current = this.#current;
    if (current === null) return null;
    const { group, role } = current;
    current.isFounded ||=
      group.status().phase !== 'founding' || offers.some((offer) => offer.isFounded && offer.group === group.id);
    return { group: group.id, isOurs: role === 'gathering', isFounded: current.isFounded };
  }

  #follow(group: Group<State, Command, Result, Value>, role: Current<State, Command, Result, Value>['role']): void {
    const look = (): void => {
      if (isAtWork(group)) this.#entered(group);
    };
    const stops = [
      group.on('status', look),
      group.on('stopped', (error) => {
        this.end(error);
      }),
    ];
    const unwatch = (): void => {
      for (const stop of stops) stop();
    };
    this.#current = { group, role, isFounded: role === 'member', unwatch };
    if (this.#isOver) {
      // The room was left while the group was being opened.
      unwatch();
      group.close();
    } else {
      look();
    }
  }

  /** We have a member at work in the room's group. */
  #entered(group: Group<State, Command, Result, Value>): void {
    const entering = this.#entering;
    if (entering === null || this.#current?.group !== group) return;
    this.#entering = null;
    this.#current.role = 'member';
    this.#lobby?.spread();
    // What cannot be forgotten does no harm: it is not founded here.
    for (const other of this.#abandoned) this.#init.forget(other).catch(() => undefined);
    entering.resolve(group);
    this.#lookForConflicts();
  }

  #lookForConflicts(): void {
    const ours = this.#current?.group;
    for (const offer of this.#lobby?.offers ?? []) {
      if (ours !== undefined && offer.isFounded && offer.group !== ours.id) ours.conflictsWith(offer.group);
    }
  }

  /** What we went for is not gone for any more. */
  async #drop(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    current.unwatch();
    await this.#giveUp(current.group, current.role === 'gathering');
  }

  /** @param isOurs nobody else can found it: it never was, and never will be */
  async #giveUp(group: Group<State, Command, Result, Value>, isOurs: boolean): Promise<void> {
    const wasFounded = group.status().phase !== 'founding';
    group.close();
    if (wasFounded) return;
    if (isOurs) await this.#init.forget(group.id);
    else this.#abandoned.add(group.id);
  }
}

function isAtWork<State, Command, Result, Value>(group: Group<State, Command, Result, Value>): boolean {
  return group.status().phase === 'running';
}

function conflict(groups: readonly GroupId[]): RaftError {
  const message = `in this room ${groups.length} groups were founded, ${groups.join(' and ')}: say by its id which to open`;
  return new RaftError('ROOM_CONFLICT', message, { cause: groups });
}
