/** What a message weighs on a link that does not make bytes of it: about what it would have on a real one. */
import { entryBytes } from '../core/types.ts';
import type { MemberMessage } from '../transport/messages.ts';

const headBytes = 64;

export function messageBytes(message: MemberMessage): number {
  let bytes = headBytes;
  switch (message.kind) {
    case 'AppendEntries':
      for (const entry of message.entries) bytes += entryBytes(entry);
      break;
    case 'InstallSnapshot':
      bytes += message.data.byteLength;
      break;
    case 'Propose':
      for (const command of message.commands) bytes += command.byteLength;
      break;
    default:
      break;
  }
  return bytes;
}
