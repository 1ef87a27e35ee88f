import { expect, it } from 'vitest';
import { isDistinguishedName } from './distinguished-name.ts';

it.each<[printed: string, expected: string]>([
  ['C=DE\nO=Shop\nCN=billing', 'CN=billing,O=Shop,C=DE'],
  ['C=DE\nO=Shop\nCN=billing', 'cn=billing, o=Shop, c=DE'],
  ['C=DE\nO=Shop\nCN=billing', '2.5.4.3=billing,OID.2.5.4.10=Shop,countryName=DE'],
  ['O=Shop\\, Ltd\nCN=a\\+b', 'CN=a\\2Bb,O=Shop\\2C Ltd'],
  ['O=Läden\nCN=a', 'CN=a,O=L\\C3\\A4den'],
  ['O=Shop\nCN=a + OU=b', 'OU=b+CN=a,O=Shop'],
  ['O=Shop\nCN=ends with a space\\ ', 'CN=ends with a space\\ ,O=Shop'],
  ['O=Shop\nCN=a\\\\', 'CN=a\\\\,O=Shop'],
  ['emailAddress=a@shop.example\nCN=a', 'CN=a,E=a@shop.example'],
  ['CN=line\\0Abreak', 'CN=line\\0Abreak'],
  ['O=\nCN=a', 'CN=a,O='],
])('%j is %s', (printed, expected) => {
  expect(isDistinguishedName(printed, expected)).toBe(true);
});

it.each<[printed: string, expected: string]>([
  ['C=DE\nO=Shop\nCN=billing', 'C=DE,O=Shop,CN=billing'],
  ['C=DE\nO=Shop\nCN=billing', 'CN=billing,O=Shop'],
  ['O=Shop\nCN=billing', 'CN=billing,O=Shop,C=DE'],
  ['O=Shop\nCN=billing', 'CN=Billing,O=Shop'],
  ['O=Shop\nCN=billing', 'CN=billing2,O=Shop'],
  // One value that looks like two parts.
  ['CN=billing\\,O=Shop', 'CN=billing,O=Shop'],
  ['CN=a\\+OU=b', 'CN=a+OU=b'],
  ['O=Shop\nCN=a + OU=b', 'OU=b,CN=a,O=Shop'],
  ['CN=a', 'CN=#040161'],
  ['CN=a', 'CN=a\\'],
  ['CN=a', ''],
  ['', ''],
  ['CN=a', 'a'],
])('%j is not %s', (printed, expected) => {
  expect(isDistinguishedName(printed, expected)).toBe(false);
});
