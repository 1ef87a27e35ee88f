import { describe, expect, it } from 'vitest';
import { parseSmtpUrl } from './smtp-url.ts';

describe('parseSmtpUrl', () => {
  it.each([
    [
      'smtp://user%40shop.example:p%3Ass@mail.example',
      {
        host: 'mail.example',
        port: 587,
        tls: 'starttls',
        verifyCertificate: true,
        username: 'user@shop.example',
        password: 'p:ss',
      },
    ],
    ['smtps://mail.example\n', { host: 'mail.example', port: 465, tls: 'implicit', verifyCertificate: true }],
    ['smtps://mail.example:2465/?tls=no-verify', { port: 2465, tls: 'implicit', verifyCertificate: false }],
    ['smtp://[::1]:2525?tls=disable', { host: '::1', port: 2525, tls: 'none', verifyCertificate: true }],
  ])('reads %j', (text, expected) => {
    expect(parseSmtpUrl(text)).toMatchObject(expected);
  });

  it.each([
    'mail.example:587',
    'http://mail.example',
    'smtp://',
    'smtp://mail.example/path',
    'smtp://mail.example?tls=off',
    'smtp://mail.example?tls=disable&tls=no-verify',
    'smtp://mail.example?pool=true',
    'smtps://mail.example?tls=disable',
    'smtp://mail.example:0',
    'smtp://%E0%A4%A:x@mail.example',
    'smtp://mail.example#x',
  ])('refuses %s', (text) => {
    expect(parseSmtpUrl(text)).toBeUndefined();
  });
});
