import { describe, expect, test } from 'vitest';
import { hasReason, KubernetesUnreachableError, parseKubernetesError } from './kubernetes-error.ts';

const status = (more: Record<string, unknown>) => ({ kind: 'Status', apiVersion: 'v1', status: 'Failure', ...more });
const answer = { request: 'PUT /api/v1/namespaces/default/secrets/s', confidential: false };

describe('parseKubernetesError', () => {
  test('reads reason, fields and the time to wait', () => {
    const error = parseKubernetesError({
      ...answer,
      httpStatus: 422,
      retryAfterHeader: '3',
      body: status({ code: 422, reason: 'Invalid', message: 'bad', details: { causes: [{ field: 'spec.a' }] } }),
    });
    expect(error).toMatchObject({ status: 422, reason: 'Invalid', retryAfterSeconds: 3, fields: ['spec.a'] });
    expect(hasReason(error, 'Invalid')).toBe(true);
    expect(hasReason(error, 'Conflict')).toBe(false);
  });

  test('details say when to come back where no header does', () => {
    const body = status({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 10 } });
    expect(parseKubernetesError({ ...answer, httpStatus: 429, body }).retryAfterSeconds).toBe(10);
  });

  test('an answer that is no Status still has a reason', () => {
    expect(parseKubernetesError({ ...answer, httpStatus: 503, body: undefined })).toMatchObject({
      status: 503,
      reason: 'ServiceUnavailable',
    });
  });

  test('of a Secret, nothing that the server quotes gets into the message', () => {
    const body = status({
      code: 400,
      reason: 'BadRequest',
      message: 'illegal base64 data ... |"password":"hunter2"|',
      details: { causes: [{ field: 'data.password', message: 'hunter2' }] },
    });
    const error = parseKubernetesError({ ...answer, confidential: true, httpStatus: 400, body });
    expect(JSON.stringify([error.message, error.stack, error])).not.toContain('hunter2');
    expect(error.message).toContain('data.password');
  });
});

test('a failure of the network is known by its code', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  expect(new KubernetesUnreachableError('GET /', cause)).toMatchObject({ code: 'ECONNREFUSED', cause });
});
