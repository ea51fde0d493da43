#!/usr/bin/env node
/** `flotilla inspect`: what a LevelDB database, or the file of a store, holds; its stores to files, and back. */
import { createWriteStream, openAsBlob, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { RaftError } from '../errors.ts';
import { randomBytes } from '../identity/crypto.ts';
import { isGroupId } from '../ids.ts';
import { inspectStore, type StoreReport } from '../storage/inspection.ts';
import { LevelDatabase } from '../storage/level.ts';
import { type RestoreAs, restoreKinds, restoreStore } from '../storage/restoring.ts';
import { StoreFile } from '../storage/store-file.ts';

const help = `Usage: flotilla inspect DIRECTORY [--json] [--export FILE --group ID] [--import FILE --as member|group]
       flotilla inspect FILE [--json]

Says what the LevelDB database in a directory holds: for every group the hard state, the configuration, the range of the log,
the snapshots, how much waits in the outbox, and whether all records check out. No process may have the database open. Or says the same of one store in a
file, from Node or a browser.

  --json           one line of JSON for each group
  --export FILE    writes the store of a group to a file, for a backup or a bug report: the file holds all that the group
                   agreed on, and its secret
  --group ID       which one; may be left out when there is one only
  --import FILE    restores such a file in the database first, which is made if there is none. What comes back is what the
                   group had agreed on, never the member that the file is of
  --as member      a new member of the same group, to be let in by the others
  --as group       the only member of a new group, which begins with what the file holds

Exit status: 0 when all records check out, 1 when some do not, 2 when nothing could be read or done.`;

const failure = 2;

function describe({ record, hardState, configuration, log, snapshots, outbox, problems }: StoreReport): string {
  const lines = [`group ${record.group}`, `  member         ${record.member}`, `  machine        ${record.machine}`];
  if (hardState !== null) {
    const { term, vote, commit } = hardState;
    lines.push(`  hard state     term ${term}, vote ${vote ?? 'none'}, commit ${commit}`);
  }
  for (const role of ['voters', 'outgoing', 'learners', 'witnesses'] as const) {
    const ids = configuration?.[role] ?? [];
    if (ids.length > 0) lines.push(`  ${role.padEnd(14)} ${ids.join(', ')}`);
  }
  lines.push(
    `  log            ${log === null ? 'empty' : `${log.first} to ${log.last}, the last of term ${log.lastTerm}`}`,
  );
  for (const { index, term, bytes, problem } of snapshots) {
    lines.push(`  snapshot       of entry ${index}, term ${term}, ${bytes} bytes: ${problem ?? 'checks out'}`);
  }
  if (outbox > 0) lines.push(`  outbox         ${outbox} commands without an outcome`);
  lines.push(
    ...(problems.length === 0 ? ['  all records check out'] : problems.map((problem) => `  PROBLEM        ${problem}`)),
  );
  return lines.join('\n');
}

/** Gives the exit status. */
function print(reports: readonly StoreReport[]): number {
  for (const report of reports) process.stdout.write(`${values.json ? JSON.stringify(report) : describe(report)}\n`);
  return reports.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

async function inspectFile(path: string): Promise<number> {
  if (values.export !== undefined || values.import !== undefined) {
    throw new RaftError('INVALID_ARGUMENT', '--export and --import go with the directory of a database');
  }
  const file = await StoreFile.open(await openAsBlob(path));
  return print([await inspectStore(file.record, file)]);
}

async function inspectDirectory(directory: string): Promise<number> {
  const restoring = values.import === undefined ? null : await readyToRestore(values.import);
  const database = await LevelDatabase.open(directory, { mustExist: restoring === null });
  try {
    if (restoring !== null) await restoreStore(database, restoring.file, restoring.as, randomBytes);
    const reports = await database.inspect();
    if (values.export !== undefined) await writeFile(database, values.export, reports);
    return print(reports);
  } finally {
    await database.close();
  }
}

/** Before there is a database: none is made for a file that is none. */
async function readyToRestore(path: string): Promise<{ readonly file: StoreFile; readonly as: RestoreAs }> {
  const as = restoreKinds.find((kind) => kind === values.as);
  if (as === undefined) {
    throw new RaftError('INVALID_ARGUMENT', `say with --as what the file becomes: ${restoreKinds.join(' or ')}`);
  }
  return { file: await StoreFile.open(await openAsBlob(path)), as };
}

async function writeFile(database: LevelDatabase, file: string, reports: readonly StoreReport[]): Promise<void> {
  const [only, another] = reports;
  const group = values.group ?? (another === undefined ? only?.record.group : undefined);
  if (group === undefined || !isGroupId(group)) {
    throw new RaftError('INVALID_ARGUMENT', `say with --group which of the ${reports.length} groups to export`);
  }
  await pipeline(Readable.from(database.export(group)), createWriteStream(file));
}

function read() {
  return parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      export: { type: 'string' },
      group: { type: 'string' },
      import: { type: 'string' },
      as: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
}

/** Ends the process when the command line makes no sense. */
function readOrEnd(): ReturnType<typeof read> {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}\n`);
    process.exit(failure);
  }
}

const { values, positionals } = readOrEnd();
const [command, path] = positionals;
if (values.help) {
  process.stdout.write(`${help}\n`);
} else if (command !== 'inspect' || path === undefined || positionals.length > 2) {
  process.stderr.write(`${help}\n`);
  process.exitCode = failure;
} else {
  try {
    const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
    process.exitCode = await (isFile ? inspectFile(path) : inspectDirectory(path));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = failure;
  }
}
