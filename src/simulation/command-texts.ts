/** Commands as text. Every member applies the same bytes, if all is well: they are read once, and compared from then on. */

interface Known {
  readonly body: Uint8Array;
  readonly text: string;
}

export class CommandTexts {
  /** By place among all commands that took effect: what the first member to apply it had there. */
  readonly #known: Known[] = [];

  /**
   * @param place among the commands that a member applies, from 0
   * @param read gives the text of these bytes, and the same text for equal bytes
   */
  textOf(place: number, body: Uint8Array, read: () => string): string {
    const known = this.#known[place];
    if (known !== undefined && isSame(known.body, body)) return known.text;
    const text = read();
    this.#known[place] ??= { body, text };
    return text;
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.byteLength !== other.byteLength) return false;
  for (let i = 0; i < one.byteLength; i++) if (one[i] !== other[i]) return false;
  return true;
}
