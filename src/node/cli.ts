#!/usr/bin/env node
/** `flotilla inspect`: what a LevelDB database holds, and whether it checks out; its stores to files, and back. */
import { createWriteStream, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { RaftError } from '../errors.ts';
import { isGroupId } from '../ids.ts';
import type { StoreReport } from '../storage/inspection.ts';
import { LevelDatabase } from '../storage/level.ts';

const help = `Usage: flotilla inspect DIRECTORY [--json] [--export FILE --group ID] [--import FILE]

Says what the LevelDB database in a directory holds: for every group the hard state, the configuration, the range of the log,
the snapshots, and whether all records check out. No process may have the database open.

  --json           one line of JSON for each group
  --export FILE    writes the store of a group to a file, for a bug report: the file holds all that the group agreed on
  --group ID       which one; may be left out when there is one only
  --import FILE    loads such a file, from Node or a browser, into the database first, to be looked at; a member is never
                   brought back by it

Exit status: 0 when all records check out, 1 when some do not, 2 when nothing could be read.`;

const failure = 2;

function describe({ record, hardState, configuration, log, snapshots, problems }: StoreReport): string {
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
  lines.push(
    ...(problems.length === 0 ? ['  all records check out'] : problems.map((problem) => `  PROBLEM        ${problem}`)),
  );
  return lines.join('\n');
}

async function inspect(directory: string): Promise<number> {
  const database = await LevelDatabase.open(directory, { mustExist: values.import === undefined });
  try {
    if (values.import !== undefined) await database.import(readFileSync(values.import));
    const reports = await database.inspect();
    if (values.export !== undefined) await writeFile(database, values.export, reports);
    for (const report of reports) {
      process.stdout.write(`${values.json ? JSON.stringify(report) : describe(report)}\n`);
    }
    return reports.some(({ problems }) => problems.length > 0) ? 1 : 0;
  } finally {
    await database.close();
  }
}

async function writeFile(database: LevelDatabase, file: string, reports: readonly StoreReport[]): Promise<void> {
  const [only, another] = reports;
  const group = values.group ?? (another === undefined ? only?.record.group : undefined);
  if (group === undefined || !isGroupId(group)) {
    throw new RaftError('INVALID_ARGUMENT', `say with --group which of the ${reports.length} groups to export`);
  }
  await pipeline(Readable.from(database.export(group)), createWriteStream(file));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    export: { type: 'string' },
    group: { type: 'string' },
    import: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [command, directory] = positionals;
if (values.help) {
  process.stdout.write(`${help}\n`);
} else if (command !== 'inspect' || directory === undefined || positionals.length > 2) {
  process.stderr.write(`${help}\n`);
  process.exitCode = failure;
} else {
  try {
    process.exitCode = await inspect(directory);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = failure;
  }
}
