import { z } from 'zod';
import { celRules } from './cel-rules.ts';
import { durationBetween } from './duration.ts';
import { httpsUrlPattern } from './https-url.ts';
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
