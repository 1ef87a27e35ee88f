import { form, get, send } from '../http-request.ts';
import type { OpenForm } from '../scene.ts';
import type { BadRequest } from './bad-request.ts';

const account = '/oauth2/account';
const link = '/oauth2/link';

/** A form of Ada's account page; `body` follows its token. */
const submit = ({ cookie, csrf }: OpenForm, action: string, body: string): string =>
  form(`${account}/${action}`, `csrf=${csrf}&${body}`, `Cookie: ${cookie}`);

/** The account page, links of mails, forgotten passwords, consent. */
export const accounts: readonly BadRequest[] = [
  ['the account page of nobody', get(account), '303 to /oauth2/authorize'],
  [
    'the account page with a session that is none',
    get(account, 'Cookie: __Host-session=x; __Host-session.sig=x'),
    '303 to /oauth2/authorize',
  ],
  [
    'the account page with a notice that there is not',
    ({ accountForm: { cookie } }) => get(`${account}?done=__proto__`, `Cookie: ${cookie}`),
    '200 page',
  ],
  [
    'the account page with two notices',
    ({ accountForm: { cookie } }) => get(`${account}?done=name&done=x`, `Cookie: ${cookie}`),
    '200 page',
  ],
  ['the account page by PUT', send('PUT', account, 'x'), '404 problem not-found'],
  [
    'an error on the way back to the account page',
    get(`${account}/signed-in?error=%3Cscript%3E&error_description=x`),
    '200 page',
  ],
  ['a name without a session', form(`${account}/name`, 'csrf=x&name=x'), '303 to /oauth2/authorize'],
  [
    'a name with an old token',
    ({ accountForm }) => submit({ ...accountForm, csrf: 'old' }, 'name', 'name=x'),
    '403 page',
  ],
  [
    'a name with the token of a sign-in',
    ({ accountForm, form: other }) => submit({ ...accountForm, csrf: other.csrf }, 'name', 'name=x'),
    '403 page',
  ],
  [
    'a name with two tokens',
    ({ accountForm }) => submit(accountForm, 'name', `csrf=${accountForm.csrf}&name=x`),
    '403 page',
  ],
  ['a name with a null byte', ({ accountForm }) => submit(accountForm, 'name', 'name=%00'), '400 page'],
  ['a name with line breaks', ({ accountForm }) => submit(accountForm, 'name', 'name=a%0d%0aBcc:x'), '400 page'],
  ['a name of 4 KB', ({ accountForm }) => submit(accountForm, 'name', `name=${'x'.repeat(4_000)}`), '400 page'],
  [
    'a password without the one of now',
    ({ accountForm }) => submit(accountForm, 'password', 'newPassword=another+password+12'),
    '400 page',
  ],
  [
    'a password with a wrong one',
    ({ accountForm }) => submit(accountForm, 'password', 'currentPassword=x&newPassword=another+password+12'),
    '400 page',
  ],
  [
    'a password twice',
    ({ accountForm }) => submit(accountForm, 'password', 'currentPassword=a&currentPassword=b&newPassword=c'),
    '400 page',
  ],
  [
    'an address without a password',
    ({ accountForm }) => submit(accountForm, 'email', 'newEmail=x%40example.test'),
    '400 page',
  ],
  [
    'an address with a header in it',
    ({ accountForm }) =>
      submit(accountForm, 'email', 'newEmail=x%40example.test%0d%0aBcc%3Ay%40example.test&emailPassword=x'),
    '400 page',
  ],
  [
    'an end of a session that is another\u2019s',
    ({ accountForm }) => submit(accountForm, 'session', 'session=another'),
    '303 to /oauth2/account',
  ],
  [
    'an end of a session that is a null byte',
    ({ accountForm }) => submit(accountForm, 'session', 'session=%00'),
    '303 to /oauth2/account',
  ],
  [
    'a withdrawal from an application that there is not',
    ({ accountForm }) => submit(accountForm, 'application', 'application=nobody'),
    '303 to /oauth2/account',
  ],
  [
    'a withdrawal from an application of bytes',
    ({ accountForm }) => submit(accountForm, 'application', 'application=%00%ff'),
    '303 to /oauth2/account',
  ],
  [
    'an action that the account page has not',
    ({ accountForm }) => submit(accountForm, 'delete', ''),
    '404 problem not-found',
  ],
  [
    'a form of the account page of 20 KB',
    ({ accountForm }) => submit(accountForm, 'name', `name=${'x'.repeat(20_000)}`),
    '413 problem body-too-large',
  ],
  ['a link without a token', get(link), '400 page'],
  ['a link that there is not', get(`${link}?token=${'x'.repeat(43)}`), '400 page'],
  ['a link of bytes', get(`${link}?token=%00%ff`), '400 page'],
  ['a link of 4 KB', get(`${link}?token=${'x'.repeat(4_000)}`), '400 page'],
  ['a link with two tokens', get(`${link}?token=a&token=b`), '400 page'],
  ['a link that was used', ({ used }) => get(`${link}?token=${used.linkToken}`), '400 page'],
  ['a form of a link that was used', ({ used }) => form(link, `token=${used.linkToken}&password=x`), '400 page'],
  ['a form of a link without a token', form(link, 'password=x'), '400 page'],
  ['a form of a link of bytes', form(link, 'token=%00&password=%00'), '400 page'],
  ['a link by PUT', send('PUT', link, 'token=x'), '404 problem not-found'],
  [
    'a forgotten password with an old token',
    ({ form: { path, cookie } }) => form(`${path}/forgot`, 'csrf=old&email=ada%40example.test', `Cookie: ${cookie}`),
    '403 page',
  ],
  [
    'a forgotten password of nobody',
    ({ form: { path } }) => form(`${path}/forgot`, 'csrf=x&email=ada%40example.test'),
    '400 page',
  ],
  [
    'a forgotten password with a null byte',
    ({ form: { path, cookie, csrf } }) => form(`${path}/forgot`, `csrf=${csrf}&email=%00`, `Cookie: ${cookie}`),
    '400 page',
  ],
  [
    'a forgotten password with a header in the address',
    ({ form: { path, cookie, csrf } }) =>
      form(`${path}/forgot`, `csrf=${csrf}&email=x%40example.test%0d%0aBcc%3Ay`, `Cookie: ${cookie}`),
    '400 page',
  ],
  [
    'a consent with the token of a sign-in',
    ({ form: { path, cookie, csrf } }) => form(`${path}/consent`, `csrf=${csrf}&allow=yes`, `Cookie: ${cookie}`),
    '403 page',
  ],
  [
    'a consent with an old token',
    ({ form: { path, cookie } }) => form(`${path}/consent`, 'csrf=old', `Cookie: ${cookie}`),
    '403 page',
  ],
];
