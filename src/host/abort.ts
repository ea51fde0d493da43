/** Giving up on what cannot be called back: nobody waits for it any more. */
import { type Outcome, RaftError } from '../errors.ts';

/** @throws RaftError ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal, 'not-done');
}

/** What is said of a call that was given up. */
export function aborted({ reason }: AbortSignal, outcome: Outcome): RaftError {
  return new RaftError('ABORTED', 'the call was given up', { outcome, cause: reason });
}

/**
 * Waits for a promise until a signal is aborted.
 * @param outcome what is to be said of it then
 */
export function unlessAborted<Value>(
  signal: AbortSignal | undefined,
  promise: Promise<Value>,
  outcome: Outcome = 'not-done',
): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(aborted(signal, outcome));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    void promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

/** Opens something, and closes it again if nobody waits for it any more when it is open. */
export async function openUnlessAborted<Opened extends { close(): void }>(
  signal: AbortSignal | undefined,
  open: () => Promise<Opened>,
  outcome: Outcome,
): Promise<Opened> {
  throwIfAborted(signal);
  const opening = open();
  let isWanted = true;
  // What goes wrong is told to whoever waits, and else to nobody.
  void opening.then(
    (opened) => {
      if (!isWanted) opened.close();
    },
    () => undefined,
  );
  try {
    return await unlessAborted(signal, opening, outcome);
  } catch (error) {
    isWanted = false;
    throw error;
  }
}
