/** `await using` for what has to be closed, also where the browser does not know it yet. */

/**
 * `Symbol.asyncDispose`, or where there is none what compilers take in its place: the same symbol for everybody who asks the
 * registry for it.
 */
const asyncDispose =
  (Symbol as { readonly asyncDispose?: typeof Symbol.asyncDispose }).asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** What is closed once, and at the end of its block at the latest: `await using group = await joinGroup(...)`. */
export abstract class Closable implements AsyncDisposable {
  /** Closes it. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  abstract close(): void;

  static {
    const value = function (this: Closable): Promise<void> {
      this.close();
      return Promise.resolve();
    };
    Object.defineProperty(this.prototype, asyncDispose, { value });
  }
}
