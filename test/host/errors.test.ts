/** docs/errors.md says of every code what it means, whether to try again, and what to do. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { RaftErrorCode } from '../../src/errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The compiler sees to it that none is missing here, and none too many. */
const codes: Record<RaftErrorCode, true> = {
  ABORTED: true,
  BANNED: true,
  BUSY: true,
  CANNOT_LEAD: true,
  CHANGE_IN_PROGRESS: true,
  CLOSED: true,
  COMPACTED: true,
  EXPIRED: true,
  GROUP_FULL: true,
  INVALID_ARGUMENT: true,
  INVALID_INVITE: true,
  INVARIANT_VIOLATED: true,
  LAST_VOTER: true,
  MEMBERS_CHANGED: true,
  NOT_A_MEMBER: true,
  NOT_CAUGHT_UP: true,
  NOT_SUPPORTED: true,
  NO_SUCH_GROUP: true,
  QUOTA_EXCEEDED: true,
  READ_ONLY: true,
  REJECTED: true,
  REMOVED: true,
  ROOM_CONFLICT: true,
  SESSION_FORGOTTEN: true,
  STORAGE_CORRUPT: true,
  STORAGE_FAILED: true,
  STORAGE_IN_USE: true,
  STORAGE_LOST: true,
  TIMEOUT: true,
  TOO_LARGE: true,
  TOO_MANY_BANNED: true,
  UPGRADE_REQUIRED: true,
  VERSION_NOT_IN_FORCE: true,
  WRONG_MACHINE: true,
};

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('the table of errors', () => {
  test('has every code, once, in the order of the alphabet', () => {
    expect(rows.map(([code]) => code)).toEqual(
      Object.keys(codes)
        .sort()
        .map((code) => `\`${code}\``),
    );
  });

  test.each(rows)('says of %s what its outcome is, what it means, whether to try again, and what to do', (...row) => {
    const [, outcome, meaning, again, advice] = row;
    expect(['`not-done`', '`unknown`', 'either']).toContain(outcome);
    expect(['yes', 'then', 'no']).toContain(again);
    for (const text of [meaning, advice]) expect(text?.length).toBeGreaterThan(5);
  });
});
