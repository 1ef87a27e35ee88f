import { describe, expect, it } from 'vitest';
import { formatClaims, formatServices, formatTenant } from './summary.ts';

const service = (ready: number) => ({ desired: 3, ready, updated: ready, zones: [] });
const condition = { type: 'Ready', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };

describe('formatTenant', () => {
  it('says what the status says', () => {
    const status = {
      conditions: [{ ...condition, status: 'True', reason: 'AllAvailable' }],
      services: { gateway: service(3), auth: service(2), tokenStore: service(3) },
      zones: '2/3',
    };
    expect(formatTenant({ status })).toBe('Ready: gateway 3/3, auth 2/3, token-store 3/3 in 2/3 zones');
  });

  it('makes nothing up', () => {
    expect(formatTenant({})).toBe('Unknown: gateway 0/?, auth 0/?, token-store 0/? in ? zones');
    const status = { conditions: [{ ...condition, status: 'False', reason: 'Progressing' }] };
    expect(formatTenant({ status })).toMatch(/^Progressing: /);
  });
});

describe('formatClaims', () => {
  it('shows the claims that are asked for, in that order, and says that there are more', () => {
    expect(formatClaims({ exp: 1, sub: '1', iss: 'i' }, ['iss', 'sub', 'acr'])).toBe('{ "iss": "i", "sub": "1", ... }');
    expect(formatClaims({ aud: ['a', 'b'] }, ['aud'])).toBe('{ "aud": ["a","b"] }');
  });
});

describe('formatServices', () => {
  const answer = { service: 'a', subject: '1', next: { service: 'b', subject: '1' } };
  it('names the services in their order', () => {
    expect(formatServices(answer, '1')).toBe('GET /a -> A -> B, each verified subject 1 itself');
  });
  it('refuses a service that verified somebody else, or nobody', () => {
    expect(() => formatServices({ ...answer, next: { service: 'b', subject: '2' } }, '1')).toThrow(/service b .* 2 /);
    expect(() => formatServices({ ...answer, next: { service: 'b' } }, '1')).toThrow(
      /service b found the subject nobody/,
    );
  });
});
