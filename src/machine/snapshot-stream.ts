/**
 * A snapshot of the replicated state as a stream of bytes: sections, each behind its length. The stream may be cut into
 * parts anywhere, and is put together again from parts of any size.
 */

/** Bytes of the length before a section. */
const lengthBytes = 4;

/** Larger sections are refused: nobody writes them. */
const maxSectionBytes = 1024 * 1024 * 1024;

/** Cuts sections into parts of `partBytes`, the last of which may be shorter. */
export function* cutIntoParts(sections: Iterable<Uint8Array>, partBytes: number): Generator<Uint8Array> {
  let part = new Uint8Array(partBytes);
  let filled = 0;
  for (const section of sections) {
    const length = new Uint8Array(lengthBytes);
    new DataView(length.buffer).setUint32(0, section.byteLength);
    for (const bytes of [length, section]) {
      for (let offset = 0; offset < bytes.byteLength;) {
        const piece = bytes.subarray(offset, offset + partBytes - filled);
        part.set(piece, filled);
        offset += piece.byteLength;
        filled += piece.byteLength;
        if (filled < partBytes) continue;
        yield part;
        part = new Uint8Array(partBytes);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield part.slice(0, filled);
}

/** Puts sections together from the parts of a stream. */
export class SectionReader {
  readonly sections: Uint8Array[] = [];
  #length = new Uint8Array(lengthBytes);
  /** The section that is being read; null while its length is. */
  #section: Uint8Array | null = null;
  #filled = 0;

  /** @throws RangeError for what is no such stream */
  add(part: Uint8Array): void {
    let rest = part;
    while (rest.byteLength > 0 || this.#section?.byteLength === this.#filled) {
      const target: Uint8Array = this.#section ?? this.#length;
      const piece = rest.subarray(0, target.byteLength - this.#filled);
      target.set(piece, this.#filled);
      this.#filled += piece.byteLength;
      rest = rest.subarray(piece.byteLength);
      if (this.#filled === target.byteLength) this.#complete();
    }
  }

  #complete(): void {
    this.#filled = 0;
    if (this.#section !== null) {
      this.sections.push(this.#section);
      this.#section = null;
      this.#length = new Uint8Array(lengthBytes);
      return;
    }
    const length = new DataView(this.#length.buffer).getUint32(0);
    if (length > maxSectionBytes) throw new RangeError(`a section of ${length} bytes is too large`);
    this.#section = new Uint8Array(length);
  }

  /** @throws RangeError when the stream ends within a section */
  end(): void {
    if (this.#section !== null || this.#filled > 0) throw new RangeError('the stream ends within a section');
  }
}
