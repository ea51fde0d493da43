/**
 * Sealed signaling: what hosts tell each other through a broker, or through another host, is encrypted and authenticated
 * with a key that only holders of an invite have (AES-256-GCM). Whoever passes it on sees sizes and the topic.
 *
 * Against repetition every message carries the run of its sender, the run that it is for, and a number that its sender never
 * uses again: what was recorded is of no use later, not even to a host that was restarted. A greeting is for anybody, since
 * its sender knows nobody yet: a repeated one makes us look for somebody who is not there, and nothing else.
 */
import { fromBase64Url } from '../encoding/base64url.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import type { Credentials } from './access.ts';
import { randomBytes, source } from './crypto.ts';

const sealVersion = 1;
const ivBytes = 12;
const maxRunLength = 64;
/** Numbers that may overtake each other, on their ways through several relays. */
const windowSize = 256;
/** Senders whose numbers are remembered. Who is forgotten may be replayed to once, and fails at the handshake. */
const maxSenders = 256;

export interface Unsealed {
  readonly from: string;
  /** The run that the message is for; null for a greeting. */
  readonly to: string | null;
  readonly text: string;
}

/** Why a message was dropped. */
export type SealFault = 'not-sealed' | 'replayed' | 'for-another';

const isRun = (text: string): text is string => text.length > 0 && text.length <= maxRunLength;
const isText = (text: string): text is string => text.length <= 1_000_000;

export class SignalingSeal {
  readonly #run: string;
  readonly #key: CryptoKey;
  readonly #additional: Uint8Array<ArrayBuffer>;
  readonly #windows = new Map<string, ReplayWindow>();
  #sent = 0;

  /** @param run names this run of our host; no other has it */
  constructor({ sealingKey, topic }: Pick<Credentials, 'sealingKey' | 'topic'>, run: string) {
    this.#run = run;
    this.#key = sealingKey;
    this.#additional = source(encode(['flotilla signaling', topic]));
  }

  /** @param to the run that it is for; null for a greeting */
  async seal(to: string | null, text: string): Promise<string> {
    const iv = source(randomBytes(ivBytes));
    const plain = source(encode([this.#run, to, ++this.#sent, text]));
    const algorithm = { name: 'AES-GCM', iv, additionalData: this.#additional };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, this.#key, plain));
    const message = new Uint8Array(1 + ivBytes + sealed.byteLength);
    message[0] = sealVersion;
    message.set(iv, 1);
    message.set(sealed, 1 + ivBytes);
    return toText(message);
  }

  async unseal(sealed: string): Promise<Unsealed | SealFault> {
    let fields: FieldReader;
    try {
      const message = fromText(sealed);
      if (message[0] !== sealVersion) return 'not-sealed';
      const iv = source(message.subarray(1, 1 + ivBytes));
      const algorithm = { name: 'AES-GCM', iv, additionalData: this.#additional };
      const plain = await crypto.subtle.decrypt(algorithm, this.#key, source(message.subarray(1 + ivBytes)));
      fields = new FieldReader(decode(new Uint8Array(plain), 1));
      const [from, to, number, text] = [
        fields.text(isRun),
        fields.textOrNull(isRun),
        fields.integer(1),
        fields.text(isText),
      ];
      if (from === this.#run || (to !== null && to !== this.#run)) return 'for-another';
      return this.#window(from).admit(number) ? { from, to, text } : 'replayed';
    } catch {
      return 'not-sealed';
    }
  }

  #window(sender: string): ReplayWindow {
    const known = this.#windows.get(sender) ?? new ReplayWindow();
    // Newest last: who was silent longest is forgotten first.
    this.#windows.delete(sender);
    this.#windows.set(sender, known);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > maxSenders && oldest !== undefined) this.#windows.delete(oldest);
    return known;
  }
}

/** Numbers of one sender: each is admitted once, and none that lies far behind the highest. */
export class ReplayWindow {
  #highest = 0;
  readonly #seen = new Set<number>();

  admit(number: number): boolean {
    if (number <= this.#highest - windowSize || this.#seen.has(number)) return false;
    this.#seen.add(number);
    if (number > this.#highest) {
      this.#highest = number;
      for (const seen of this.#seen) if (seen <= number - windowSize) this.#seen.delete(seen);
    }
    return true;
  }
}

const chunk = 8192;

/** Base64url of more bytes than a call takes arguments. */
function toText(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += chunk) parts.push(String.fromCharCode(...bytes.subarray(at, at + chunk)));
  return btoa(parts.join('')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromText(text: string): Uint8Array {
  return text.length <= chunk
    ? fromBase64Url(text)
    : Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
