import { describe, expect, it } from 'vitest';
import { findIdentityFault } from './database-identity.ts';

const keys = [{ id: '1', fingerprint: 'one' }];
const changed = (expected: string, found: string) => ({
  outcome: 'failed',
  reason: 'DatabaseChanged',
  expected,
  found,
});

describe('the right database', () => {
  it.each([
    ['any, when nothing is remembered', { id: 'b' }, {}, undefined],
    ['an empty one, when nothing is remembered', {}, {}, undefined],
    ['the remembered one', { id: 'a' }, { expected: 'a' }, undefined],
    ['no other', { id: 'b' }, { expected: 'a' }, changed('a', 'b')],
    ['no empty one', {}, { expected: 'a' }, changed('a', 'empty')],
    ['another that is accepted by its id', { id: 'b' }, { expected: 'a', accept: 'b' }, undefined],
    ['a third that is not', { id: 'c' }, { expected: 'a', accept: 'b' }, changed('a', 'c')],
    ['an empty one that is accepted', {}, { expected: 'a', accept: 'empty' }, undefined],
    ['no full one where an empty one is accepted', { id: 'b' }, { expected: 'a', accept: 'empty' }, changed('a', 'b')],
    ['the remembered one, whatever is accepted', { id: 'a' }, { expected: 'a', accept: 'empty' }, undefined],
    [
      'one that was accepted as empty, when the run is repeated',
      { id: 'b', replaces: 'a' },
      { expected: 'a', accept: 'empty' },
      undefined,
    ],
    [
      'none that was accepted as empty in place of another',
      { id: 'b', replaces: 'x' },
      { expected: 'a', accept: 'empty' },
      changed('a', 'b'),
    ],
  ])('is %s', (_name, database, expectation, fault) => {
    expect(findIdentityFault({ ...database, keys: [] }, { ...expectation, keys })).toEqual(fault);
  });
});

describe('the keys of the data', () => {
  it('may be more than the database knows of', () => {
    expect(findIdentityFault({ id: 'a', keys: [] }, { keys })).toBeUndefined();
    expect(findIdentityFault({ id: 'a', keys }, { keys: [...keys, { id: '2', fingerprint: 'two' }] })).toBeUndefined();
  });

  it('must all be there', () => {
    expect(findIdentityFault({ id: 'a', keys }, { keys: [{ id: '2', fingerprint: 'two' }] })).toEqual({
      outcome: 'failed',
      reason: 'EncryptionKeyMissing',
      keyId: '1',
    });
  });

  it('must be the same', () => {
    expect(findIdentityFault({ id: 'a', keys }, { keys: [{ id: '1', fingerprint: 'other' }] })).toEqual({
      outcome: 'failed',
      reason: 'EncryptionKeyChanged',
      keyId: '1',
    });
  });
});
