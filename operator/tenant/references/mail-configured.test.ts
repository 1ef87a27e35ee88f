import { describe, expect, it } from 'vitest';
import { tenantSpecSchema } from '../../api/identity-tenant.ts';
import { decideMailConfigured } from './mail-configured.ts';

const verdict = (auth: object) =>
  decideMailConfigured(tenantSpecSchema.parse({ issuer: 'https://id.acme.example', auth }));

describe('MailConfigured', () => {
  it('says what there is not without mail', () => {
    expect(verdict({})).toMatchObject({ status: 'False', reason: 'NotConfigured' });
    expect(verdict({}).message).toContain('email_verified stays false');
  });

  it('names where mails go, and no secret', () => {
    const mail = { smtpSecretRef: { name: 'acme-mail' }, from: 'no-reply@acme.example' };
    expect(verdict({ mail })).toEqual({
      type: 'MailConfigured',
      status: 'True',
      reason: 'Configured',
      message: 'mails go by the server in Secret "acme-mail", from no-reply@acme.example',
    });
  });
});
