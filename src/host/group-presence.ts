/** Presence of one group: checks what goes out and what comes in, and tells listeners what has changed. */
import type { NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import type { MemberPresence } from '../group/presence.ts';
import type { Shown } from '../group/presence-board.ts';
import { decodePlain, differenceOf, encodeGiven } from '../machine/plain.ts';
import { parse } from '../machine/schema.ts';
import { maxPresenceBytes } from '../transport/messages.ts';
import type { Presence, PresenceEvents, PresenceSnapshot, Present, Unfit } from './presence.ts';
import type { PresenceDefinition } from './presence-definition.ts';
import { selected } from './select.ts';
import { callGuarded, type ReadableStore, Source } from './source.ts';

type Listeners<Value> = {
  readonly [Event in keyof PresenceEvents<Value>]: Set<(value: PresenceEvents<Value>[Event]) => void>;
};

/** What came from a member, and what the schema made of it; null when it did not fit. */
interface Checked<Value> {
  readonly shown: Shown;
  readonly present: Present<Value> | null;
}

export interface PresenceInit<Value> {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly definition: PresenceDefinition<Value>;
  readonly mechanism: MemberPresence;
}

const byMember = (one: Present<unknown>, other: Present<unknown>): number => (one.member < other.member ? -1 : 1);

export class GroupPresence<Value> implements Presence<Value> {
  readonly #init: PresenceInit<Value>;
  readonly #listeners: Listeners<Value> = { join: new Set(), update: new Set(), leave: new Set(), unfit: new Set() };
  readonly #source: Source<PresenceSnapshot<Value>>;
  #snapshot: PresenceSnapshot<Value> = { self: null, others: [], all: [] };
  #mine: Present<Value> | null = null;
  #checked = new Map<NodeId, Checked<Value>>();
  /** What the listeners know of. */
  #told: readonly Present<Value>[] = [];
  #unfit: Unfit[] = [];

  constructor(init: PresenceInit<Value>) {
    this.#init = init;
    this.#source = new Source(() => this.#snapshot, init.clock);
    this.#source.on(() => {
      this.#tell();
    });
    init.mechanism.whenChanged(() => {
      this.#look();
    });
  }

  get self(): Value | null {
    return this.#snapshot.self;
  }

  get others(): readonly Present<Value>[] {
    return this.#snapshot.others;
  }

  get all(): readonly Present<Value>[] {
    return this.#snapshot.all;
  }

  set(value: Value | null): void {
    const { mechanism, clock, id } = this.#init;
    const bytes = value === null ? null : this.#encode(value);
    const own = bytes === null ? null : (decodePlain(bytes) as Value);
    const before = this.#mine;
    if (differenceOf(before?.value ?? null, own) === null) return;
    mechanism.set(bytes);
    const updated = clock.wallTime();
    this.#mine =
      own === null ? null : { member: id, isSelf: true, value: own, since: before?.since ?? updated, updated };
    this.#gather();
  }

  update(change: Partial<Value>): void {
    const { self } = this;
    if (!isRecord(self) || typeof change !== 'object') {
      throw invalid('update changes fields of an object that is shown: set a whole one first');
    }
    this.set({ ...self, ...change });
  }

  /** What the schema makes of a value, as bytes. */
  #encode(value: Value): Uint8Array {
    let bytes: Uint8Array;
    try {
      const fit = this.#fit(value);
      if (fit === null || fit === undefined) throw new TypeError(`${String(fit)} is no value`);
      bytes = encodeGiven(fit);
    } catch (cause) {
      throw invalid(`the value cannot be shown: ${reasonOf(cause)}`, cause);
    }
    if (bytes.byteLength > maxPresenceBytes) {
      const message = `the value has ${bytes.byteLength} bytes; what a member shows has at most ${maxPresenceBytes}`;
      throw new RaftError('TOO_LARGE', message);
    }
    return bytes;
  }

  #fit(value: unknown): Value {
    const { schema } = this.#init.definition;
    return schema === null ? (value as Value) : parse(schema, value, 'the value');
  }

  readonly getSnapshot = (): readonly Present<Value>[] => this.others;

  readonly subscribe = (listener: (others: readonly Present<Value>[]) => void): (() => void) =>
    this.select(({ others }) => others).subscribe(listener);

  select<Part>(selector: (presence: PresenceSnapshot<Value>) => Part): ReadableStore<Part> {
    return selected(this.#source, selector);
  }

  on<Event extends keyof PresenceEvents<Value>>(
    event: Event,
    listener: (value: PresenceEvents<Value>[Event]) => void,
  ): () => void {
    const own = (value: PresenceEvents<Value>[Event]): void => {
      listener(value);
    };
    this.#listeners[event].add(own);
    return () => this.#listeners[event].delete(own);
  }

  /** The others show something else. */
  #look(): void {
    const { mechanism } = this.#init;
    if (mechanism.closed !== null) this.#mine = null;
    const checked = new Map<NodeId, Checked<Value>>();
    for (const shown of mechanism.others()) {
      const known = this.#checked.get(shown.member);
      checked.set(shown.member, known?.shown === shown ? known : this.#check(shown));
    }
    this.#checked = checked;
    this.#gather();
  }

  #check(shown: Shown): Checked<Value> {
    try {
      return { shown, present: { ...shown, isSelf: false, value: this.#fit(shown.value) } };
    } catch (error) {
      this.#unfit.push({ member: shown.member, reason: reasonOf(error) });
      return { shown, present: null };
    }
  }

  #gather(): void {
    const before = this.#snapshot;
    const others = [...this.#checked.values()].flatMap(({ present }) => (present === null ? [] : [present]));
    const all = this.#mine === null ? others : [...others, this.#mine].sort(byMember);
    this.#snapshot = {
      self: this.#mine?.value ?? null,
      others: areSame(others, before.others) ? before.others : others,
      all: areSame(all, before.all) ? before.all : all,
    };
    this.#source.touch();
  }

  #tell(): void {
    const before = new Map(this.#told.map((present) => [present.member, present]));
    const { others } = this.#snapshot;
    this.#told = others;
    for (const present of others) {
      const known = before.get(present.member);
      before.delete(present.member);
      if (known === undefined) this.#call(this.#listeners.join, present);
      else if (known !== present) this.#call(this.#listeners.update, present);
    }
    for (const gone of before.values()) this.#call(this.#listeners.leave, gone);
    for (const unfit of this.#unfit.splice(0)) this.#call(this.#listeners.unfit, unfit);
  }

  #call<Told>(listeners: ReadonlySet<(told: Told) => void>, told: Told): void {
    for (const listener of [...listeners]) callGuarded(this.#init.clock, listener, told);
  }
}

/** Of what is shown, which is plain data of our own making: whether it has fields. */
function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function areSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((one, i) => one === others[i]);
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const invalid = (message: string, cause?: unknown): RaftError => new RaftError('INVALID_ARGUMENT', message, { cause });
