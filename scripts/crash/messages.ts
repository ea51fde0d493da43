/** What a process with a member says to the test outside, and is told by it: a line of JSON each, on its standard streams. */
import type { Acknowledgement, Leadership } from '../../e2e/pages/crash.ts';

export type Said =
  /** The member is open. */
  | { readonly kind: 'opened'; readonly invite: string; readonly group: string }
  | { readonly kind: 'acknowledged'; readonly said: Acknowledgement; readonly leadership: Leadership | null }
  /** No command of the flood is open any more. */
  | { readonly kind: 'calm' }
  /** What came of the command that was asked for: its place, or an error. */
  | { readonly kind: 'proposed'; readonly result: string }
  | { readonly kind: 'state'; readonly state: readonly string[] };

export type Asked =
  /** Proposes without end, so many at a time, until it is to be calm. */
  | { readonly kind: 'flood'; readonly name: string; readonly inFlight: number }
  | { readonly kind: 'calm' }
  | { readonly kind: 'propose'; readonly command: string }
  | { readonly kind: 'state' };

/** Cuts a stream into its lines; what is behind the last line end waits for more. */
export function lineReader(read: (line: string) => void): (chunk: Buffer) => void {
  let text = '';
  return (chunk) => {
    const lines = `${text}${chunk.toString()}`.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) read(line);
  };
}
