/** What a store does with what it is given. */
import type { Mutant } from './mutant.ts';

export const mutantsOfStorage: readonly Mutant[] = [
  {
    name: 'acknowledge-before-disk',
    bug: 'entries are acknowledged, and counted, before they are durable (etcd#14370)',
    known: ['A14'],
    breaks: 'D3 D4',
    acknowledgesEarly: ({ entries }) => entries.length > 0,
  },
  {
    name: 'vote-before-disk',
    bug: 'a vote is given before it is durable (etcd#10508, openraft#1960)',
    known: ['A15'],
    breaks: 'D1 D2',
    acknowledgesEarly: ({ hardState, entries }) => hardState !== null && entries.length === 0,
  },
  {
    name: 'vote-not-stored',
    bug: 'the term is stored without the vote (hashicorp persistVote; openraft#1385)',
    known: ['A16'],
    breaks: 'D1 D9',
    writes: (batch) => (batch.hardState === null ? batch : { ...batch, hardState: { ...batch.hardState, vote: null } }),
  },
  {
    name: 'places-not-kept',
    bug: 'commands are kept without their places in the session, and sent again under another one after a crash',
    known: [],
    breaks: 'C3',
    keeps: ({ add, remove }) => ({ add, remove }),
  },
  {
    name: 'amnesia',
    bug: 'a member whose store was lost comes back under its old id (cockroach#25173, dragonboat#254, etcd#10217)',
    known: ['A17'],
    breaks: 'D9',
    forgetsIncarnation: true,
  },
];
