import type { SendMailOptions } from 'nodemailer';
import type { Branding } from '../pages/brand.ts';
import { texts } from '../pages/texts.ts';

/** What a mail says. */
export type Letter = {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  /** A link, with the words on its button and what is said below it. */
  readonly action?: { readonly label: string; readonly url: string; readonly note: string };
};

export type MailMessageOptions = {
  readonly brand: Branding;
  readonly from: string;
  readonly to: string;
  /** Of the outbox: the same at every attempt, so that a mail that came twice is shown once. */
  readonly id: string;
};

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? '');

const buildText = ({ paragraphs, action }: Letter, brandName: string): string =>
  [...paragraphs, action?.url, action?.note, `-- \n${brandName}`]
    .filter((part) => part !== undefined && part !== '')
    .join('\n\n')
    .concat('\n');

const defaultColor = '#2f5bea';

/** No picture, no font, nothing from elsewhere: opening it tells nobody. Mail programs know inline styles alone. */
const buildHtml = (
  { subject, paragraphs, action }: Letter,
  { name, primaryColor = defaultColor }: Branding,
): string => {
  const paragraph = (text: string, style = ''): string => `<p style="margin:0 0 16px;${style}">${escapeHtml(text)}</p>`;
  const quiet = 'color:#565d6b;font-size:14px;';
  const button = (link: NonNullable<Letter['action']>): string =>
    [
      `<p style="margin:24px 0"><a href="${escapeHtml(link.url)}" style="display:inline-block;padding:12px 20px;border:2px solid ${primaryColor};border-radius:8px;color:#1b1e25;font-weight:600;text-decoration:none">${escapeHtml(link.label)}</a></p>`,
      ...(link.note === '' ? [] : [paragraph(link.note, quiet)]),
      `<p style="margin:0 0 16px;${quiet}word-break:break-all">${escapeHtml(link.url)}</p>`,
    ].join('\n');
  return `<!doctype html>
<html lang="${texts.language}"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>
<body style="margin:0;padding:24px;background:#ffffff;color:#1b1e25;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:32em">
<p style="margin:0 0 24px;font-weight:600">${escapeHtml(name)}</p>
${paragraphs.map((text) => paragraph(text)).join('\n')}
${action === undefined ? '' : button(action)}
</div></body></html>
`;
};

/** Header values of one line; nodemailer folds and encodes them, and what is not one line was not written by us. */
const onOneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

/** The message for nodemailer: as text and as HTML, with a Message-ID that an attempt more does not change. */
export const buildMailMessage = (letter: Letter, { brand, from, to, id }: MailMessageOptions): SendMailOptions => ({
  from: { name: onOneLine(brand.name), address: from },
  to: { name: '', address: to },
  subject: onOneLine(letter.subject),
  messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
  // RFC 3834: nobody's holiday is to answer.
  headers: { 'Auto-Submitted': 'auto-generated' },
  text: buildText(letter, brand.name),
  html: buildHtml(letter, brand),
});
