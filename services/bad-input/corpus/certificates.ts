import { form } from '../http-request.ts';
import type { Scene } from '../scene.ts';
import { addresses, type BadRequest, machine } from './bad-request.ts';

const asCertified = (...headers: string[]): string =>
  form(addresses.token, `${machine}&client_id=certified`, ...headers);

/** Headers in which a proxy would name the certificate of a connection, none of which a client may write. */
const spellings = [
  'Client-Cert',
  'client-cert',
  'CLIENT_CERT',
  'Client.Cert',
  'Client-Cert-Chain',
  'X-Client-Cert',
  'X-Client-Certificate',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'X-SSL-Client-Cert',
  'SSL-Client-Cert',
  'X-Amzn-Mtls-Clientcert-Leaf',
] as const;

const forged = (name: string): BadRequest => [
  `a certificate that was written as ${name}`,
  ({ certificate }: Scene) => asCertified(`${name}: :${certificate}:;trusted`),
  '401 oauth invalid_client',
];

/** Clients that are known by certificates, at the entrance that asks for none (RFC 8705). */
export const certificates: readonly BadRequest[] = [
  ['no certificate', asCertified(), '401 oauth invalid_client'],
  ...spellings.map(forged),
  [
    'a certificate that was written twice',
    ({ certificate }) => asCertified(...Array(2).fill(`Client-Cert: :${certificate}:;trusted`)),
    '401 oauth invalid_client',
  ],
  ['a certificate that is none', asCertified('Client-Cert: :AAAA:;trusted'), '401 oauth invalid_client'],
  ['a certificate of bytes', asCertified('Client-Cert: \xff\xfe'), '401 oauth invalid_client'],
  [
    'a certificate, and the host for certificates',
    ({ certificate }) => asCertified(`Client-Cert: :${certificate}:;trusted`, 'X-Forwarded-Host: mtls.shop.example'),
    '401 oauth invalid_client',
  ],
  ['a secret', form(addresses.token, `${machine}&client_id=certified&client_secret=x`), '401 oauth invalid_client'],
  [
    'a certificate of a client with a secret',
    form(addresses.token, `${machine}&client_id=shop`, 'Client-Cert: x'),
    '401 oauth invalid_client',
  ],
];
