import { describe, expect, it } from 'vitest';
import type { CommitOutcome } from './commit.ts';
import { decideReleasedEvents, isFailureEvent } from './provider-events.ts';

const events = [
  'refresh_token.consumed',
  'access_token.issued',
  'grant.revoked',
  'session.destroyed',
  'grant.success',
  'grant.error',
].map((name) => ({ name, emit: () => undefined }));

const names = (failed: boolean, outcome: CommitOutcome): string[] =>
  decideReleasedEvents(events, { failed, outcome }).map(({ name }) => name);

describe('decideReleasedEvents', () => {
  it('tells all of a success', () => {
    expect(names(false, { kind: 'committed' })).toHaveLength(events.length);
  });

  it('tells of a failure what was kept', () => {
    expect(names(true, { kind: 'committed' })).toEqual(['grant.revoked', 'session.destroyed', 'grant.error']);
  });

  it('tells nothing of work that was not written', () => {
    expect(names(false, { kind: 'refused', reason: 'already_consumed' })).toEqual(['grant.error']);
    expect(names(false, { kind: 'unavailable' })).toEqual([]);
  });
});

describe('isFailureEvent', () => {
  it.each([
    ['server_error', true],
    ['authorization.error', true],
    ['grant.error', true],
    ['backchannel.error', false],
    ['grant.success', false],
  ])('%s: %s', (name, expected) => {
    expect(isFailureEvent(name)).toBe(expected);
  });
});
