/**
 * `npx tsx scripts/wire-vectors.ts`: writes the bytes of docs/wire-format.md anew, after a change of the format that is
 * meant. Look at the difference before it is committed: it is what other versions will not understand.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { encodeFrame } from '../src/transport/codec.ts';
import { encodeLinkFrame } from '../src/transport/link-codec.ts';
import { group, groupSamples, linkSamples } from '../test/transport/wire-samples.ts';

const page = new URL('../docs/wire-format.md', import.meta.url);
const bytes = new Map<string, Uint8Array>();
for (const message of Object.values(groupSamples)) bytes.set(message.kind, encodeFrame(group, message));
for (const message of Object.values(linkSamples)) bytes.set(message.kind, encodeLinkFrame(message));

const lines = (frame: Uint8Array): string =>
  Buffer.from(frame)
    .toString('hex')
    .replaceAll(/(.{64})(?=.)/g, '$1\n');

const text = readFileSync(page, 'utf8').replaceAll(/^```vector (.+)\n[\s\S]*?^```$/gm, (block, name: string) => {
  const frame = bytes.get(name);
  return frame === undefined ? block : `\`\`\`vector ${name}\n${lines(frame)}\n\`\`\``;
});
writeFileSync(page, text);
