/** What hostile clients of the broker say: messages that are nearly right, frames that are nearly frames, and noise. */

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class HostileWords {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** From 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  pick<T>(...choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  /** One of a few topics, so that hostile peers meet, or one that nobody else has. */
  topic(): string {
    return this.pick(
      'hostile',
      'hostile 2',
      `t${this.below(1000)}`,
      'x'.repeat(this.below(200)),
      '\ud800',
      '__proto__',
    );
  }

  /** A message, or something like it. */
  message(): Buffer {
    const valid = JSON.stringify(
      this.pick<object>(
        { type: 'join', topic: this.topic() },
        { type: 'join', topic: this.topic(), founding: this.pick<unknown>('ask', 'done', 'perhaps', 1) },
        { type: 'leave', topic: this.topic() },
        { type: 'founded', topic: this.topic() },
        {
          type: 'relay',
          topic: this.topic(),
          to: this.pick('nobody', '', 'constructor'),
          data: 'x'.repeat(this.below(3000)),
        },
      ),
    );
    switch (this.below(9)) {
      case 0:
        return Buffer.from(valid);
      case 1:
        return this.#flipped(Buffer.from(valid));
      case 2:
        return Buffer.from(valid.slice(0, this.below(valid.length)));
      case 3:
        return Buffer.from(valid.replace(/"[^"]*"(?=[,}])/, () => this.#wrongValue()));
      case 4:
        return Buffer.from(this.#nested());
      case 5:
        return this.bytes(this.below(500));
      case 6:
        return Buffer.from(this.#wrongValue());
      case 7:
        return Buffer.from(valid.replace('{', '{"__proto__":{"type":"join"},"type":"relay","constructor":1,'));
      default:
        return Buffer.concat([Buffer.from(valid), this.bytes(1 + this.below(20))]);
    }
  }

  /** A frame: right, nearly right, or not at all. Those of a client are masked. */
  frame(): Buffer {
    switch (this.below(12)) {
      case 0:
        return this.bytes(1 + this.below(400));
      case 1:
        // Claims far more than comes.
        return Buffer.from([0x81, 0xff, ...this.bytes(8), ...this.bytes(this.below(64))]);
      case 2:
        // Reserved bits, and kinds of frames that do not exist.
        return encodeFrame(this.message(), { opcode: this.below(16), rsv: this.below(8) });
      case 3:
        return encodeFrame(this.message(), { opcode: 1, masked: false });
      case 4:
        // Control frames that are too long, or in parts.
        return encodeFrame(this.bytes(this.below(300)), { opcode: this.pick(8, 9, 10), fin: this.chance(0.5) });
      case 5:
        return encodeFrame(this.bytes(this.below(50)), { opcode: 8 });
      case 6:
        // A message in very many parts, most of them empty, that never ends.
        return Buffer.concat([
          encodeFrame(Buffer.from('{'), { opcode: 1, fin: false }),
          ...Array.from({ length: this.below(3000) }, () => encodeFrame(Buffer.alloc(0), { opcode: 0, fin: false })),
        ]);
      case 7:
        return encodeFrame(this.bytes(this.below(1000)), { opcode: this.pick(1, 2) });
      case 8:
        // Larger than it may be: answered, or cut off.
        return encodeFrame(Buffer.alloc(this.pick(65_536, 70_000, 131_072, 140_000, 300_000), 120), { opcode: 1 });
      case 9:
        return encodeFrame(this.message(), { opcode: 1 }).subarray(0, this.below(40));
      default:
        return encodeFrame(this.message(), { opcode: 1 });
    }
  }

  /** A request of HTTP, or something like it. */
  request(): Buffer {
    const upgrade = upgradeRequest();
    switch (this.below(7)) {
      case 0:
        return this.bytes(this.below(2000));
      case 1:
        return Buffer.from(upgrade.slice(0, this.below(upgrade.length)));
      case 2:
        return this.#flipped(Buffer.from(upgrade));
      case 3:
        return Buffer.from(
          `GET / HTTP/1.1\r\n${`X-${this.below(1e9)}: ${'y'.repeat(200)}\r\n`.repeat(this.below(300))}`,
        );
      case 4:
        return Buffer.from(
          `POST /${this.pick('', 'healthz', 'metrics')} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n`,
        );
      case 5:
        return Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1 + this.below(50)));
      default:
        return Buffer.from(
          upgrade.replace(/^(Sec-WebSocket-\w+): .*/m, (_, name: string) => `${name}: ${this.#wrongValue()}`),
        );
    }
  }

  #flipped(bytes: Buffer): Buffer {
    for (let i = 0; i <= this.below(8) && bytes.length > 0; i++) {
      const at = this.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
    }
    return bytes;
  }

  #nested(): string {
    const depth = this.pick(10, 1000, 20_000);
    const [open, close] = this.pick<readonly [string, string]>(['[', ']'], ['{"type":', '}']);
    return `${open.repeat(depth)}1${close.repeat(this.chance(0.5) ? depth : 0)}`;
  }

  #wrongValue(): string {
    return this.pick(
      'null',
      '-1',
      '1e999',
      '[]',
      '{}',
      'true',
      '"\\ud800"',
      '""',
      '[[[[]]]]',
      `"${'x'.repeat(200)}"`,
      '9'.repeat(400),
    );
  }
}

export function upgradeRequest(): string {
  return [
    'GET / HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    '',
    '',
  ].join('\r\n');
}

interface FrameShape {
  readonly opcode: number;
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
}

/** RFC 6455, section 5.2. The mask is all zeros, which is as good as any. */
export function encodeFrame(payload: Buffer, { opcode, fin = true, rsv = 0, masked = true }: FrameShape): Buffer {
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const maskBit = masked ? 0x80 : 0;
  const mask = Buffer.alloc(masked ? 4 : 0);
  const length = payload.length;
  if (length < 126) return Buffer.concat([Buffer.from([first, maskBit | length]), mask, payload]);
  const header = Buffer.alloc(length < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = maskBit | (length < 65_536 ? 126 : 127);
  if (length < 65_536) header.writeUInt16BE(length, 2);
  else header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, mask, payload]);
}
