import type { TenantSpec } from '../../api/identity-tenant.ts';
import type { TenantVerdict } from '../status/tenant-verdicts.ts';

/** Whether the tenant sends mail, and what it means when it does not; nothing waits for it. */
export const decideMailConfigured = ({ auth: { mail } }: Pick<TenantSpec, 'auth'>): TenantVerdict =>
  mail === undefined
    ? {
        type: 'MailConfigured',
        status: 'False',
        reason: 'NotConfigured',
        message:
          'spec.auth.mail is not set: email_verified stays false, a forgotten password cannot be reset, and accounts must not be linked by address',
      }
    : {
        type: 'MailConfigured',
        status: 'True',
        reason: 'Configured',
        message: `mails go by the server in Secret "${mail.smtpSecretRef.name}", from ${mail.from}`,
      };
