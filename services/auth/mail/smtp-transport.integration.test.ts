import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TlsMaterial } from '../../shared/identity.ts';
import { createCertificateAuthority } from '../../shared/testing/certificate-authority.ts';
import { startMailServer, type TestMailServer, type TestMailServerOptions } from '../../shared/testing/mail-server.ts';
import type { Delivery } from '../outbox/outbox-worker.ts';
import { buildMailMessage } from './mail-message.ts';
import { createSmtpTransport } from './smtp-transport.ts';

let directory: string;
let tls: TlsMaterial;
let server: TestMailServer | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'smtp-test-'));
  tls = await (await createCertificateAuthority()).issueServer(['localhost']);
});
afterEach(() => server?.stop());
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const letter = { subject: 'Grüße', paragraphs: ['Hello.'] };
const message = buildMailMessage(letter, {
  brand: { name: 'Käufe' },
  from: 'no-reply@acme.example',
  to: 'ada@example.test',
  id: 'a1',
});

/** Sends to a server by a URL of it; the certificate is known where `trusted`. */
const send = async (
  options: TestMailServerOptions,
  urlOf: (port: number) => string,
  trusted = true,
): Promise<Delivery> => {
  server = await startMailServer(options);
  writeFileSync(join(directory, 'url'), urlOf(server.port));
  writeFileSync(join(directory, 'ca.crt'), tls.ca);
  const urlFile = join(directory, 'url');
  return createSmtpTransport(trusted ? { urlFile, caFile: join(directory, 'ca.crt') } : { urlFile }).send(message);
};

describe('the way to a mail server', () => {
  it('is TLS by STARTTLS, with a password', async () => {
    const delivery = await send({ tls, password: 's3cret' }, (port) => `smtp://auth:s3cret@localhost:${port}`);
    expect(delivery).toEqual({ outcome: 'delivered' });
    const [mail] = server?.received ?? [];
    expect(mail?.to).toBe('ada@example.test');
    expect(mail?.parsed).toMatchObject({ subject: 'Grüße', messageId: '<a1@acme.example>' });
    expect(mail?.parsed.from?.value).toEqual([{ name: 'Käufe', address: 'no-reply@acme.example' }]);
    expect(mail?.parsed.text).toContain('Hello.');
    expect(mail?.parsed.html).toContain('<p style="margin:0 0 16px;">Hello.</p>');
  });

  it('is TLS from the first byte', async () => {
    expect(await send({ tls, implicitTls: true }, (port) => `smtps://localhost:${port}`)).toEqual({
      outcome: 'delivered',
    });
  });

  it('is not plain text because a server offers no STARTTLS', async () => {
    const delivery = await send({ password: 's3cret' }, (port) => `smtp://auth:s3cret@localhost:${port}`);
    expect(delivery).toEqual({ outcome: 'failed', code: expect.stringMatching(/^ETLS/) });
    expect(server?.received).toEqual([]);
  });

  it('is plain text where the URL says so', async () => {
    expect(await send({}, (port) => `smtp://127.0.0.1:${port}?tls=disable`)).toEqual({ outcome: 'delivered' });
  });

  it('ends at a certificate that nobody vouches for, unless the URL does', async () => {
    const delivery = await send({ tls }, (port) => `smtp://localhost:${port}`, false);
    expect(delivery).toEqual({ outcome: 'failed', code: expect.stringMatching(/^E/) });
    expect(server?.received).toEqual([]);
    await server?.stop();
    expect(await send({ tls }, (port) => `smtp://localhost:${port}?tls=no-verify`, false)).toEqual({
      outcome: 'delivered',
    });
  });
});

describe('what a server says', () => {
  it.each([
    [550, { outcome: 'impossible', code: 'EENVELOPE 550' }],
    [451, { outcome: 'failed', code: 'EENVELOPE 451' }],
  ])('of a recipient: %i', async (status, expected) => {
    expect(await send({ tls, refuse: () => status }, (port) => `smtp://localhost:${port}`)).toEqual(expected);
  });

  it('of a wrong password is not for good', async () => {
    const delivery = await send({ tls, password: 'right' }, (port) => `smtp://auth:wrong@localhost:${port}`);
    expect(delivery).toEqual({ outcome: 'failed', code: 'EAUTH 535' });
  });

  it('is nothing, or there is no URL yet', async () => {
    expect(await send({ tls }, () => 'smtp://localhost:1')).toEqual({ outcome: 'failed', code: expect.any(String) });
    await server?.stop();
    expect(await send({ tls }, () => 'nonsense')).toEqual({ outcome: 'failed', code: 'NO_SERVER_NAMED' });
  });
});
