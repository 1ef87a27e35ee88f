import type { Handler } from '../outbox/outbox-worker.ts';
import type { Branding } from '../pages/brand.ts';
import { composeMail, type MailComposerOptions } from './mail-composer.ts';
import { buildMailMessage } from './mail-message.ts';
import type { SmtpTransport } from './smtp-transport.ts';

/** The outbox's handler for mails: writes the letter and hands it to the server. */
export const createMailDelivery =
  (
    options: Omit<MailComposerOptions, 'brandName'> & {
      transport: SmtpTransport;
      from: string;
      branding: () => Branding;
    },
  ): Handler<'mail'> =>
  async (request, id) => {
    const { transport, from, branding } = options;
    const composed = await composeMail(request, { ...options, brandName: () => branding().name });
    if (composed === undefined) return { outcome: 'delivered' };
    return transport.send(buildMailMessage(composed.letter, { brand: branding(), from, to: composed.to, id }));
  };
