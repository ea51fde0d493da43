/**
 * What the other members last showed of themselves. The newest counts: of a member's runs the later one, of a run's values the
 * one with the higher version, so that what comes late or twice brings nothing back. A value goes when its member
 * withdraws it, when it is over its time, and a moment after the link to its member.
 */
import type { NodeId } from '../core/types.ts';
import { decodePlain, differenceOf } from '../machine/plain.ts';
import type { PresenceMessage } from '../transport/messages.ts';
import type { Clock } from './clock.ts';

/** What a member shows, as it came. The same object until that is something else. */
export interface Shown {
  readonly member: NodeId;
  /** Plain data, frozen. */
  readonly value: unknown;
  /** Since when the member shows something, and since when this: milliseconds since 1970 on our clock. */
  readonly since: number;
  readonly updated: number;
}

/** Members that are kept at a time: with values of 4 KiB it is a mebibyte. */
export const maxPresent = 256;

/** A link that is gone may be back in a moment: a member that only changes networks does not come and go. */
export const goneAfterMs = 2000;

/**
 * No member sends faster than 60 frames in a second; what waited while a tab stood still, which ends a link after 5 s, comes all
 * at once.
 */
const framesPerSecond = 100;
const maxBurst = 300;

class Allowance {
  #left = maxBurst;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** Whether there is one left. */
  take(now: number): boolean {
    this.#left = Math.min(maxBurst, this.#left + ((now - this.#at) * framesPerSecond) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

interface Place {
  isLinked: boolean;
  /** Whether something has come since the member was last linked to us. */
  isHeard: boolean;
  run: number;
  version: number;
  shown: Shown | null;
  expiresAt: number;
  readonly allowance: Allowance;
}

export class PresenceBoard {
  readonly #clock: Pick<Clock, 'now' | 'wallTime'>;
  readonly #places = new Map<NodeId, Place>();
  #hasChanged = false;

  constructor(clock: Pick<Clock, 'now' | 'wallTime'>) {
    this.#clock = clock;
  }

  /** Whether it has changed since this was called last. */
  tellChanged(): boolean {
    const hasChanged = this.#hasChanged;
    this.#hasChanged = false;
    return hasChanged;
  }

  /** What is shown, in the order of ids. */
  list(): Shown[] {
    const shown = [...this.#places.values()].flatMap((place) => (place.shown === null ? [] : [place.shown]));
    return shown.sort((one, other) => (one.member < other.member ? -1 : 1));
  }

  connected(member: NodeId): void {
    const place = this.#places.get(member);
    if (place !== undefined) {
      place.isLinked = true;
      place.isHeard = false;
    } else if (this.#places.size < maxPresent) {
      const allowance = new Allowance(this.#clock.now());
      const nothing = { run: 0, version: 0, shown: null, expiresAt: Infinity };
      this.#places.set(member, { isLinked: true, isHeard: false, ...nothing, allowance });
    }
  }

  disconnected(member: NodeId): void {
    const place = this.#places.get(member);
    if (place === undefined) return;
    place.isLinked = false;
    if (place.shown === null) this.#places.delete(member);
    else place.expiresAt = Math.min(place.expiresAt, this.#clock.now() + goneAfterMs);
  }

  /** False for what no honest member sends: what is not plain data, or far too much of it. */
  take({ from, run, version, ttlMs, value }: PresenceMessage): boolean {
    const place = this.#places.get(from);
    // One more than we keep.
    if (place === undefined) return true;
    const now = this.#clock.now();
    if (!place.allowance.take(now)) return false;
    if (!isNewest(place, run, version)) return true;
    const isRepeated = run === place.run && version === place.version && place.shown !== null;
    if (!isRepeated) {
      const decoded = value === null ? null : decodedOrNull(value);
      if (value !== null && decoded === null) return false;
      this.#show(place, from, decoded);
    }
    place.isHeard = true;
    place.run = run;
    place.version = version;
    place.expiresAt = now + ttlMs;
    return true;
  }

  #show(place: Place, member: NodeId, value: unknown): void {
    const { shown } = place;
    if (value === null) {
      this.#hide(place);
    } else if (shown === null || differenceOf(shown.value, value) !== null) {
      const updated = this.#clock.wallTime();
      place.shown = { member, value, since: shown?.since ?? updated, updated };
      this.#hasChanged = true;
    }
  }

  #hide(place: Place): void {
    if (place.shown === null) return;
    place.shown = null;
    this.#hasChanged = true;
  }

  /** Takes away what is over its time. */
  expire(): void {
    const now = this.#clock.now();
    for (const [member, place] of this.#places) {
      if (place.expiresAt > now) continue;
      this.#hide(place);
      // Of those that are linked we know what came last: nothing older is taken from them.
      if (!place.isLinked) this.#places.delete(member);
    }
  }

  clear(): void {
    for (const place of this.#places.values()) this.#hide(place);
    this.#places.clear();
  }
}

/**
 * Whether a value is as new as what we know of, or newer. On a new link whatever run speaks first is the one that lives: the
 * clocks of some members go back.
 */
function isNewest(place: Place, run: number, version: number): boolean {
  if (run === place.run) return version >= place.version;
  return run > place.run || !place.isHeard;
}

/** Null for bytes that are not one value of plain data. */
function decodedOrNull(bytes: Uint8Array): unknown {
  try {
    return decodePlain(bytes) ?? null;
  } catch {
    return null;
  }
}
