/**
 * A running hash of everything that happens in a simulation: two runs that differ anywhere end in different hashes. Text
 * is numbered in the order of its first appearance, so that hashing an event costs little.
 */
import type { TraceEvent } from '../core/trace.ts';
import type { MemberMessage } from '../transport/messages.ts';

export class TraceHash {
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;
  readonly #numbers: Map<string, number> = new Map();

  number(value: number): void {
    const low = value | 0;
    const high = (value / 0x1_0000_0000) | 0;
    this.#a = Math.imul(this.#a ^ low, 0x01000193);
    this.#b = Math.imul(this.#b ^ high ^ (low >>> 15), 0x85ebca6b) + this.#a;
  }

  text(text: string): void {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(text, number);
      for (let i = 0; i < text.length; i++) this.number(text.charCodeAt(i));
    }
    this.number(number);
  }

  /** Everything but the decisions, which follow from it. */
  event(event: TraceEvent): void {
    if (event.name === 'Decision') return;
    this.text(event.name);
    this.text(event.node);
    this.text(event.role);
    this.number(event.state.term);
    this.number(event.state.commit);
    this.text(event.state.vote ?? '');
    this.number(event.last);
    if ('message' in event) this.#message(event.message);
    else if ('entry' in event) this.bytes(event.entry.data);
  }

  /** The whole of a message, whatever its kind. */
  #message(message: MemberMessage): void {
    for (const field in message) this.#value(message[field as keyof MemberMessage]);
  }

  #value(value: unknown): void {
    if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (typeof value === 'boolean') this.number(value ? 1 : 2);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) this.number(value.length);
    else this.number(0);
  }

  bytes(bytes: Uint8Array): void {
    this.number(bytes.byteLength);
    for (const byte of bytes) this.#a = Math.imul(this.#a ^ byte, 0x01000193);
    this.number(this.#a);
  }

  /** Sixteen hexadecimal digits. */
  get digest(): string {
    return [this.#a, this.#b].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
