import { expect, test } from 'vitest';
import { Intake } from '../../src/group/intake.ts';
import type { SessionId } from '../../src/machine/envelope.ts';

const session = 's' as SessionId;

test('commands that are sent again are known, and those before whose turn others are missing are not taken', () => {
  const intake = new Intake(1);
  expect(intake.known(session, 4, 3)).toBe(0);
  intake.took(session, 4, 7);
  expect(intake.known(session, 4, 3)).toBe(3);
  expect(intake.known(session, 6, 3)).toBe(1);
  expect(intake.known(session, 7, 3)).toBe(0);
  expect(intake.known(session, 8, 3)).toBeNull();
});

test('commands from before the first that was taken are taken when they come: they were overtaken, not repeated', () => {
  const intake = new Intake(1);
  intake.took(session, 5, 7);
  expect(intake.known(session, 3, 2)).toBe(0);
  intake.took(session, 3, 7);
  expect(intake.known(session, 3, 2)).toBe(4);
});

test('commands that took effect are known, whichever leader took them', () => {
  const intake = new Intake(1);
  expect(intake.known(session, 2, 4)).toBe(3);
  expect(intake.known(session, 9, 4)).toBe(0);
  intake.took(session, 1, 3);
  expect(intake.known(session, 6, 5)).toBe(0);
  expect(intake.known(session, 7, 5)).toBeNull();
});
