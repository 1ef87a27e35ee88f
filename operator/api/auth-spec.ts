import { z } from 'zod';
import { celRules } from './cel-rules.ts';
import { durationBetween } from './duration.ts';
import { httpsUrlPattern } from './https-url.ts';
import { secretReference } from './object-reference.ts';
import { workloadRules, workloadShape } from './workload-spec.ts';

export const authSchema = z
  .object({
    ...workloadShape,
    registration: z
      .object({ enabled: z.boolean().default(true).describe('Whether people may sign themselves up.') })
      .prefault({}),
    passwordPolicy: z
      .object({ minimumLength: z.int().min(8).max(64).default(15).describe('Characters of a new password.') })
      .prefault({})
      .describe('NIST SP 800-63B-4: 15 characters when a password is the only factor; no composition rules.'),
    session: z
      .object({
        idleTimeout: durationBetween('session.idleTimeout', '1s', '87600h')
          .default('720h')
          .describe('A session ends when it is not used for so long.'),
        absoluteTimeout: durationBetween('session.absoluteTimeout', '1s', '87600h')
          .default('4320h')
          .describe('A session ends so long after the sign-in.'),
      })
      .prefault({})
      .describe('How long somebody stays signed in.'),
    mail: z
      .object({
        smtpSecretRef: secretReference.describe(
          'Secret with `url` of the mail server, `smtp://user:password@host:587` (STARTTLS) or `smtps://` (TLS), and optionally `ca.crt`.',
        ),
        from: z
          .string()
          .max(254)
          .regex(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/)
          .describe(
            'Address that mails come from, such as `no-reply@shop.example`; their name is that of the branding.',
          ),
      })
      .optional()
      .describe(
        'How auth sends mail. Set: people confirm their address when they sign up, and can reset their password. Unset: `email_verified` stays false.',
      ),
    consent: z
      .object({
        policyVersion: z
          .string()
          .max(63)
          .default('')
          .describe(
            'Version of your privacy policy. Another one asks people again before they go on to an application.',
          ),
        policyURL: z.string().max(2_048).regex(httpsUrlPattern).optional().describe('Where they can read it.'),
      })
      .prefault({})
      .describe('What people agree to, at applications whose IdentityClient says `consent: Required`.'),
    clientKeys: z
      .object({
        addresses: z
          .enum(['Public', 'Any'])
          .default('Public')
          .describe(
            'Where jwksURI of clients may lead. Any: also to private and loopback addresses, such as Services of this cluster; never to link-local ones.',
          ),
      })
      .prefault({})
      .describe(
        'How auth fetches the keys of clients by jwksURI. See docs/client.md for the network policy that this needs.',
      ),
    audit: z
      .object({
        retention: durationBetween('audit.retention', '1h', '87600h')
          .default('2160h')
          .describe('How long is kept what happened to accounts, with addresses of clients.'),
      })
      .prefault({})
      .describe('The audit trail, `auth.audit_events` in the database.'),
    branding: z
      .object({
        name: z.string().min(1).max(100).optional().describe('Shown on the pages. Default: the name of the tenant.'),
        logoUrl: z.string().max(2_048).regex(httpsUrlPattern).optional().describe('Logo on the pages.'),
        primaryColor: z
          .string()
          .max(7)
          .regex(/^#[0-9a-fA-F]{6}$/)
          .optional()
          .describe('Colour of buttons and links; made readable where it is not.'),
      })
      .prefault({})
      .describe('How the pages look. Changes without a restart.'),
  })
  .prefault({})
  .prefault({})
  .describe('The OpenID provider: accounts, sign-in, its pages.')
  .meta(celRules(...workloadRules));
