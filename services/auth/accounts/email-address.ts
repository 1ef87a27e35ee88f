import { domainToASCII } from 'node:url';

/** An address as it is stored and compared: trimmed, NFC, lower case, the domain in its ASCII form. */
export type EmailAddress = string & { readonly emailAddress: unique symbol };

/** RFC 5321 section 4.5.3.1: 64 octets before the @, 254 in all (RFC 3696 erratum 1690). */
const maxLocalPartBytes = 64;
const maxAddressBytes = 254;

/** RFC 5322 dot-atom, with letters beyond ASCII (RFC 6531). Quoted local parts are legal, and nobody has one. */
const localPart = /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const domainLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Parses what a person typed. Control characters are refused rather than removed: a line break in an address is an
 * attempt to write mail headers. One account per address, however it is spelled in upper and lower case.
 */
export const parseEmailAddress = (input: string): EmailAddress | undefined => {
  if (input.length > maxAddressBytes * 2 || /\p{Cc}/u.test(input)) return undefined;
  const address = input.trim().normalize('NFC').toLowerCase();
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = domainToASCII(address.slice(at + 1));
  if (at < 1 || !localPart.test(local) || Buffer.byteLength(local) > maxLocalPartBytes) return undefined;
  const labels = domain.split('.');
  if (labels.length < 2 || !labels.every((label) => domainLabel.test(label))) return undefined;
  const normalised = `${local}@${domain}`;
  if (Buffer.byteLength(normalised) > maxAddressBytes) return undefined;
  // The checks above are what the brand stands for.
  return normalised as EmailAddress;
};
