import { expect, it } from 'vitest';
import type { TenantStatus } from '../../api/tenant-status.ts';
import { createStatusPace } from './status-pace.ts';

const status = (ready: 'True' | 'False', reason: string, message = ''): TenantStatus => ({
  observedGeneration: 1,
  conditions: [
    {
      type: 'Ready',
      status: ready,
      reason,
      message,
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
});

it('keeps progress apart, and tells milestones at once', () => {
  let now = 0;
  const pace = createStatusPace(() => now);
  const before = status('False', 'Progressing', '0 of 3 pods');
  expect(pace.delay('a', before, status('False', 'Progressing', '1 of 3 pods'))).toBe(0);
  pace.told('a');
  now = 500;
  expect(pace.delay('a', before, status('False', 'Progressing', '2 of 3 pods'))).toBe(1_500);
  expect(pace.delay('b', before, status('False', 'Progressing', '2 of 3 pods'))).toBe(0);
  expect(pace.delay('a', before, status('True', 'AllAvailable'))).toBe(0);
  expect(pace.delay('a', before, status('False', 'SecretNotFound'))).toBe(0);
  expect(pace.delay('a', before, { ...before, observedGeneration: 2 })).toBe(0);
  now = 2_000;
  expect(pace.delay('a', before, status('False', 'Progressing', '3 of 3 pods'))).toBe(0);
});
