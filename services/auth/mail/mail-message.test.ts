import { describe, expect, it } from 'vitest';
import { buildMailMessage } from './mail-message.ts';

const letter = {
  subject: 'Confirm your address',
  paragraphs: ['Somebody <b>wrote</b> this.'],
  action: { label: 'Go on & on', url: 'https://id.example/x?a=1&b=2', note: 'It holds for an hour.' },
};
const options = { brand: { name: 'Acme "Shop"' }, from: 'no-reply@acme.example', to: 'ada@example.test', id: 'a1' };

describe('buildMailMessage', () => {
  it('says the same as text and as HTML, escaped there', () => {
    const { text, html } = buildMailMessage(letter, options);
    expect(text).toBe(
      'Somebody <b>wrote</b> this.\n\nhttps://id.example/x?a=1&b=2\n\nIt holds for an hour.\n\n-- \nAcme "Shop"\n',
    );
    expect(html).toContain('Somebody &lt;b&gt;wrote&lt;/b&gt; this.');
    expect(html).toContain('href="https://id.example/x?a=1&amp;b=2"');
    expect(html).toContain('Acme &quot;Shop&quot;');
    expect(html).not.toMatch(/<img|<script|<link|src=/);
  });

  it('has the same id at every attempt, and is answered by nobody’s holiday', () => {
    expect(buildMailMessage(letter, options)).toMatchObject({
      messageId: '<a1@acme.example>',
      headers: { 'Auto-Submitted': 'auto-generated' },
      from: { name: 'Acme "Shop"', address: 'no-reply@acme.example' },
      to: { name: '', address: 'ada@example.test' },
    });
  });

  it('has headers of one line, whatever a tenant calls itself', () => {
    const { from, subject } = buildMailMessage(
      { ...letter, subject: 'One\r\nBcc: all@example.test' },
      { ...options, brand: { name: 'Acme\r\nBcc: all@example.test\u2028x' } },
    );
    expect(subject).toBe('One Bcc: all@example.test');
    expect(from).toMatchObject({ name: 'Acme Bcc: all@example.test x' });
  });
});
