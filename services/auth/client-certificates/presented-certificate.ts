import type { IncomingMessage } from 'node:http';
import {
  type ClientCertificate,
  clientCertificateHeader,
  parseClientCertificate,
} from '../../shared/contracts/client-certificate.ts';
import { peerRole } from '../../shared/mutual-tls.ts';

const presented = new WeakMap<IncomingMessage, { value: ClientCertificate | undefined }>();

/** The certificate that the request's client holds the key of, by the word of a gateway of this tenant and of nobody else. */
export const presentedCertificate = (request: IncomingMessage): ClientCertificate | undefined => {
  const known = presented.get(request);
  if (known !== undefined) return known.value;
  const value =
    peerRole(request) === 'gateway' ? parseClientCertificate(request.headers[clientCertificateHeader]) : undefined;
  presented.set(request, { value });
  return value;
};
