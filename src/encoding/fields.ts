/** Reads the fields of a decoded array one by one, each checked before it is believed. */

export class FieldReader {
  readonly #fields: readonly unknown[];
  #next = 0;

  /** @throws RangeError when the value is no array */
  constructor(value: unknown) {
    if (!Array.isArray(value)) throw new RangeError('not an array');
    this.#fields = value;
  }

  get remaining(): number {
    return this.#fields.length - this.#next;
  }

  #take(): unknown {
    if (this.remaining === 0) throw new RangeError(`field ${this.#next} is missing`);
    return this.#fields[this.#next++];
  }

  #fail(expected: string): never {
    throw new RangeError(`field ${this.#next - 1} is not ${expected}`);
  }

  /** A safe integer of at least `min` and at most `max`. */
  integer(min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take();
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      this.#fail(`a whole number from ${min} to ${max}`);
    }
    return value;
  }

  integerOrNull(): number | null {
    return this.#isNull() ? null : this.integer();
  }

  boolean(): boolean {
    const value = this.#take();
    return typeof value === 'boolean' ? value : this.#fail('true or false');
  }

  /** Text that satisfies a test of its form. */
  text<Text extends string>(isValid: (text: string) => text is Text): Text {
    const value = this.#take();
    return typeof value === 'string' && isValid(value) ? value : this.#fail('text of the right form');
  }

  textOrNull<Text extends string>(isValid: (text: string) => text is Text): Text | null {
    return this.#isNull() ? null : this.text(isValid);
  }

  /** Takes the next field if it is null. */
  #isNull(): boolean {
    if (this.#fields[this.#next] !== null) return false;
    this.#next++;
    return true;
  }

  bytes(maxLength: number = Number.MAX_SAFE_INTEGER): Uint8Array {
    const value = this.#take();
    return value instanceof Uint8Array && value.byteLength <= maxLength
      ? value
      : this.#fail(`a byte string of at most ${maxLength}`);
  }

  bytesOrNull(maxLength: number): Uint8Array | null {
    return this.#isNull() ? null : this.bytes(maxLength);
  }

  /** An array whose fields are read in their order. */
  record<Content>(read: (fields: FieldReader) => Content): Content {
    return read(new FieldReader(this.#take()));
  }

  list<Item>(item: (fields: FieldReader) => Item): Item[] {
    const fields = new FieldReader(this.#take());
    const items: Item[] = [];
    while (fields.remaining > 0) items.push(item(fields));
    return items;
  }
}
