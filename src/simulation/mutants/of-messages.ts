/** What a member takes a message for when it comes in. */
import type { MemberMessage } from '../../transport/messages.ts';
import type { MessageChange, Mutant } from './mutant.ts';

/** Of all that passes only some is changed. */
function everyNth(n: number, change: (message: MemberMessage) => MemberMessage): () => MessageChange {
  return () => {
    let count = 0;
    return (message) => (++count % n === 0 ? change(message) : message);
  };
}

function unread(message: MemberMessage): MemberMessage {
  if (message.kind !== 'AppendEntries') return message;
  return {
    ...message,
    entries: message.entries.map((entry) => ({ ...entry, kind: 'empty', data: new Uint8Array() })),
  };
}

export const mutantsOfMessages: readonly Mutant[] = [
  {
    name: 'configuration-survives-snapshot',
    bug: 'the old configuration stays in force when a snapshot is installed (openraft#1808)',
    known: ['A2'],
    breaks: 'M8 S6',
    receives: () => (message, raft) => {
      if (message.kind !== 'InstallSnapshot' || raft === null) return message;
      return { ...message, snapshot: { ...message.snapshot, configuration: raft.configuration } };
    },
  },
  {
    name: 'commit-without-quorum',
    bug: 'the quorum index is computed from what is not there: one acknowledgement counts for everything (openraft#1802)',
    known: ['A7'],
    breaks: 'R9',
    receives: () => (message, raft) => {
      if (message.kind !== 'AppendEntriesResponse' || message.conflict !== null || raft === null) return message;
      return { ...message, index: raft.lastIndex };
    },
  },
  {
    name: 'rejection-counts-as-match',
    bug: 'where a rejection says that the logs may still agree, it is taken for an acknowledgement',
    known: ['A10'],
    breaks: 'R11 R12',
    receives: () => (message) => {
      if (message.kind !== 'AppendEntriesResponse' || message.conflict === null) return message;
      return { ...message, index: message.conflict.index, conflict: null };
    },
  },
  {
    name: 'refusals-count-as-votes',
    bug: 'whoever answers has voted for the candidate',
    known: [],
    breaks: 'E10 S12',
    receives: () => (message) => (message.kind === 'RequestVoteResponse' ? { ...message, granted: true } : message),
  },
  {
    name: 'later-term-kept-secret',
    bug: 'a leader of an earlier term gets no answer, and never learns that a follower is beyond it (etcd#8501, etcd#8243)',
    known: ['B1'],
    breaks: 'E2',
    receives: () => (message, raft) => {
      const isFromLeader = message.kind === 'AppendEntries' || message.kind === 'Heartbeat';
      return isFromLeader && raft !== null && message.term < raft.term ? null : message;
    },
  },
  {
    name: 'removed-and-not-told',
    bug: 'whoever was removed is not told, and stands for election again and again (etcd#11038, hashicorp#476)',
    known: ['B2'],
    breaks: 'M12',
    receives: () => (message) => ('removed' in message ? { ...message, removed: false } : message),
  },
  {
    name: 'unread-entries-sent-empty',
    bug: 'what a leader could not read it sends as nothing (openraft#1795)',
    known: ['A19'],
    breaks: 'D8',
    receives: everyNth(50, unread),
  },
  {
    name: 'commands-lose-their-session',
    bug: 'a command that is sent again is taken for a new one',
    known: [],
    breaks: 'C3',
    receives: () => {
      let count = 0;
      return (message) => {
        if (message.kind !== 'Propose') return message;
        const session = `${message.session.slice(0, 16)}-${++count}` as typeof message.session;
        return { ...message, session, sequence: 1, known: 0 };
      };
    },
  },
];
