import { describe, expect, it } from 'vitest';
import { shop } from '../testing/auth-fixture.ts';
import { createSubjects, sectorOf } from './subject.ts';

const pairwise = { ...shop, subjectType: 'pairwise' as const };
const subjectOf = createSubjects('a salt');

describe('createSubjects', () => {
  it('tells clients of public subjects the account, and every other sector a name of its own for it', () => {
    expect(subjectOf(shop, 'ada')).toBe('ada');
    expect(subjectOf(undefined, 'ada')).toBe('ada');
    const subjects = [
      subjectOf(pairwise, 'ada'),
      subjectOf(pairwise, 'bob'),
      subjectOf({ ...pairwise, sectorIdentifier: 'other.example' }, 'ada'),
      createSubjects('another salt')(pairwise, 'ada'),
    ];
    expect(new Set(subjects).size).toBe(4);
    for (const subject of subjects) expect(subject).toMatch(/^[\w-]{43}$/);
  });

  it('stays as it is: people are known by it', () => {
    expect(subjectOf(pairwise, 'ada')).toBe('7oY6cNdq5iv99swPqUgSmRKB4TPpZUHAMOmtmYjSblA');
  });

  it('is the same for all clients of a sector', () => {
    const app = {
      ...pairwise,
      clientId: 'app',
      redirectUris: ['https://app.example/'],
      sectorIdentifier: 'shop.example',
    };
    expect(sectorOf(pairwise)).toBe('shop.example');
    expect(subjectOf(app, 'ada')).toBe(subjectOf(pairwise, 'ada'));
  });
});
