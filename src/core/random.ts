/** Randomness for replicas and simulations: injected everywhere, so that a seed determines a run. */
export interface Random {
  /** A whole number in [0, bound), for a whole bound in [1, 2^32]. */
  below(bound: number): number;
}

/**
 * Bob Jenkins' small fast counter generator (sfc32), its state filled by MurmurHash3's finalizer over a
 * Weyl sequence, so that neighbouring seeds give unrelated streams. Not for secrets.
 * @param seed one to three words of 32 bits
 */
export function seededRandom(...seed: readonly number[]): Random {
  const [first = 0, second = 0, third = 0] = seed;
  let state = first | 0;
  const mix = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  let a = mix();
  let b = mix() ^ second;
  let c = mix() ^ third;
  let counter = 1;
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return { below: (bound) => Math.floor((next() / 0x1_0000_0000) * bound) };
}
