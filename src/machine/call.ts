/**
 * What an application asks of a group, as bytes: a command, with the version of the machine that it was made for, or the
 * decision to move to a version. The proposer makes them; to everybody else on the way they are opaque.
 */

/** Versions of a machine are whole numbers from 1 to this. */
export const maxVersion = 0xffff;

export type Call =
  | { readonly kind: 'command'; readonly version: number; readonly body: Uint8Array }
  /** The group runs this version from here on. */
  | { readonly kind: 'upgrade'; readonly version: number };

/** One byte that says what it is, and two for the version. */
const headBytes = 3;
const codes = { command: 1, upgrade: 2 } as const;

export function isVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= maxVersion;
}

export function encodeCall(call: Call): Uint8Array {
  const body = call.kind === 'command' ? call.body : null;
  const bytes = new Uint8Array(headBytes + (body?.byteLength ?? 0));
  bytes[0] = codes[call.kind];
  bytes[1] = call.version >> 8;
  bytes[2] = call.version & 0xff;
  if (body !== null) bytes.set(body, headBytes);
  return bytes;
}

/**
 * The body is a view into `bytes`.
 * @throws RangeError for bytes that are no call
 */
export function decodeCall(bytes: Uint8Array): Call {
  const [code = 0, high = 0, low = 0] = bytes;
  const version = (high << 8) | low;
  if (bytes.byteLength < headBytes || !isVersion(version)) throw new RangeError('the call has no version');
  if (code === codes.command) return { kind: 'command', version, body: bytes.subarray(headBytes) };
  if (code === codes.upgrade && bytes.byteLength === headBytes) return { kind: 'upgrade', version };
  throw new RangeError('the call is of no known kind');
}
