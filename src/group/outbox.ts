/**
 * Keeps commands in the store of their member until their outcome is known, so that they survive it. A command is stored before
 * it is sent for the first time, and so is its place in the session: whoever comes after a crash knows what may have been sent,
 * and as what. Changes gather while one is on its way to the store.
 */
import type { RaftError } from '../errors.ts';
import type { KeptCommand, OutboxChange, OutboxContent, Placement, Storage } from '../storage/storage.ts';

/** Hears whether a change is durable; with an error when there was no room for it. */
type Done = (error: RaftError | null) => void;

interface Addition {
  readonly command: KeptCommand;
  readonly done: Done;
}

interface Removal {
  readonly number: number;
  readonly isUrgent: boolean;
  readonly done: () => void;
}

/** Changes that travel together. */
interface Changes {
  readonly add: Addition[];
  readonly remove: Removal[];
  place: { readonly placement: Placement | null; readonly done: Done } | null;
}

const noChanges = (): Changes => ({ add: [], remove: [], place: null });

export interface OutboxInit {
  readonly storage: Pick<Storage, 'outbox' | 'keep'>;
  /** Whether commands are kept from now on; those that are there already are kept in any case. */
  readonly keepsNew: boolean;
}

export class Outbox {
  /** What an earlier run has left. */
  readonly restored: OutboxContent;
  readonly keepsNew: boolean;
  readonly #storage: Pick<Storage, 'keep'>;
  #lastNumber: number;
  #gathered: Changes = noChanges();
  #isOnItsWay = false;
  /** There was no room: nothing is tried before the next tick. */
  #isHeld = false;

  constructor({ storage, keepsNew }: OutboxInit) {
    this.restored = storage.outbox;
    this.keepsNew = keepsNew;
    this.#storage = storage;
    const { placement, commands } = this.restored;
    this.#lastNumber = Math.max(placement?.last ?? 0, commands.at(-1)?.number ?? 0);
  }

  /** A place that is given now would be on its way at once. */
  get mayPlace(): boolean {
    return !this.#isOnItsWay && !this.#isHeld;
  }

  /** Everything is as the store has it. */
  get isIdle(): boolean {
    const { add, remove, place } = this.#gathered;
    return !this.#isOnItsWay && add.length === 0 && remove.length === 0 && place === null;
  }

  /** Gives the number of the command. */
  add({ call, time, expires }: Omit<KeptCommand, 'number'>, done: Done): number {
    const number = ++this.#lastNumber;
    this.#gathered.add.push({ command: { number, time, expires, call }, done });
    return number;
  }

  /** Takes back an addition that is not on its way yet; false for any other. */
  cancel(number: number): boolean {
    const at = this.#gathered.add.findIndex(({ command }) => command.number === number);
    if (at !== -1) this.#gathered.add.splice(at, 1);
    return at !== -1;
  }

  /** @param isUrgent whether somebody waits for it: else it goes with the next change, or tick */
  remove(number: number, isUrgent: boolean, done: () => void): void {
    this.#gathered.remove.push({ number, isUrgent, done });
  }

  /** Takes the place of any placement that has not been on its way yet. */
  place(placement: Placement | null, done: Done): void {
    this.#gathered.place = { placement, done };
  }

  /** Stores what somebody waits for, with all that has gathered. */
  flush(changed: () => void, failed: (error: RaftError) => void): void {
    const { add, remove, place } = this.#gathered;
    const isUrgent = add.length > 0 || (place?.placement ?? null) !== null || remove.some((one) => one.isUrgent);
    if (isUrgent && this.mayPlace) this.#store(changed, failed);
  }

  /** Stores whatever has gathered. */
  tick(changed: () => void, failed: (error: RaftError) => void): void {
    this.#isHeld = false;
    if (!this.#isOnItsWay && !this.isIdle) this.#store(changed, failed);
  }

  #store(changed: () => void, failed: (error: RaftError) => void): void {
    const changes = this.#gathered;
    this.#gathered = noChanges();
    this.#isOnItsWay = true;
    this.#storage.keep(asChange(changes), (error) => {
      this.#isOnItsWay = false;
      if (error === null) this.#stored(changes);
      else if (error.code === 'QUOTA_EXCEEDED') this.#refused(changes, error);
      else {
        failed(error);
        return;
      }
      changed();
    });
  }

  #stored({ add, remove, place }: Changes): void {
    for (const { done } of add) done(null);
    place?.done(null);
    for (const { done } of remove) done();
  }

  /** Nothing was changed. What is to go can wait. */
  #refused({ add, remove, place }: Changes, error: RaftError): void {
    this.#isHeld = true;
    this.#gathered.remove.unshift(...remove);
    if (place?.placement === null) this.#gathered.place ??= place;
    else place?.done(error);
    for (const { done } of add) done(error);
  }
}

function asChange({ add, remove, place }: Changes): OutboxChange {
  return {
    add: add.map(({ command }) => command),
    remove: remove.map(({ number }) => number),
    ...(place && { placement: place.placement }),
  };
}
