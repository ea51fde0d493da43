/** What the commands of `scripts` and `bench` make of their command lines. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { flag, maxSeed, oneOf, readOptions, seed, text, UsageError, wholeNumber } from '../../scripts/command-line.ts';

const options = {
  rounds: wholeNumber(5),
  members: wholeNumber(null, 1, 9),
  seed: seed(),
  out: text(null),
  only: oneOf(['one', 'other']),
  'no-limits': flag,
};

const read = (...args: string[]) => readOptions(options, args);

describe('the options of a command', () => {
  test('have values when they are left out', () => {
    const { seed: drawn, ...values } = read();
    expect(values).toEqual({ rounds: 5, members: null, out: null, only: null, 'no-limits': false });
    expect(Number.isSafeInteger(drawn) && drawn >= 0 && drawn <= maxSeed).toBe(true);
  });

  test('are read', () => {
    const given = ['--rounds', '7', '--members=9', '--seed', '0', '--out', 'a file', '--only', 'other', '--no-limits'];
    expect(read(...given)).toEqual({
      rounds: 7,
      members: 9,
      seed: 0,
      out: 'a file',
      only: 'other',
      'no-limits': true,
    });
  });

  test.each([
    [['--rounds', '0'], '--rounds takes a whole number from 1, not "0"'],
    [['--rounds', '1.5'], '--rounds takes a whole number from 1, not "1.5"'],
    [['--rounds', '1e3'], '--rounds takes a whole number from 1, not "1e3"'],
    [['--rounds', ''], '--rounds takes a whole number from 1, not ""'],
    [['--rounds', '99999999999999999999'], '--rounds takes a whole number from 1, not "99999999999999999999"'],
    [['--members', '10'], '--members takes a whole number from 1 to 9, not "10"'],
    [['--seed', String(maxSeed + 1)], `--seed takes a whole number from 0 to ${maxSeed}, not "${maxSeed + 1}"`],
    [['--only', 'both'], '--only takes one of one, other, not "both"'],
    [['--out', ''], '--out takes a text, not ""'],
    [['--runds', '7'], "Unknown option '--runds'"],
    [['--rounds'], 'argument missing'],
    [['--no-limits=yes'], 'does not take an argument'],
    [['7'], "Unexpected argument '7'"],
  ])('%j make no sense, and it is said why', (given, why) => {
    expect(() => read(...given)).toThrow(UsageError);
    expect(() => read(...given)).toThrow(why);
  });
});

test('a command says what it takes when it is asked, and ends with status 2 before it does what makes no sense', () => {
  const script = fileURLToPath(new URL('../../bench/machine.ts', import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', script, ...args], { encoding: 'utf8' });
  const helped = run('--help');
  expect([helped.status, helped.stderr]).toEqual([0, '']);
  expect(helped.stdout).toContain('--commands N');
  const refused = run('--json', '--comands', '7');
  expect([refused.status, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).toContain("Unknown option '--comands'");
  expect(refused.stderr).toContain('--help says what there is');
}, 60_000);
