/**
 * Known bugs of Raft implementations, each put back on purpose to see whether the checkers notice (the tables at the end
 * of docs/rules.md). A mutant changes exactly one thing: a rule of the core, what the core does, a message on its way in, or
 * what the storage does.
 */
import type { Mutant } from './mutant.ts';
import { mutantsOfCores } from './of-cores.ts';
import { mutantsOfMessages } from './of-messages.ts';
import { mutantsOfRules } from './of-rules.ts';
import { mutantsOfStorage } from './of-storage.ts';

export const mutants: readonly Mutant[] = [
  ...mutantsOfRules,
  ...mutantsOfCores,
  ...mutantsOfMessages,
  ...mutantsOfStorage,
];
