import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { generateCertificateAuthority, issueCertificate } from '../keys/internal-certificate.ts';
import type { KubernetesClient } from '../runtime/kubernetes-client.ts';
import type { ResourceKind } from '../runtime/resource-kind.ts';

/** What a client must be told of to install a webhook. */
export const webhookConfigurations: ResourceKind = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
};

const reviewSchema = z.object({ request: z.object({ uid: z.string(), name: z.string() }) });

/** Where it works: Services of this namespace and name, whose first port it gives this `appProtocol`. */
export type ServiceMutation = { readonly namespace: string; readonly name: string; readonly appProtocol: string };

const answer = ({ request }: z.infer<typeof reviewSchema>, { name, appProtocol }: ServiceMutation) => {
  const patch = [{ op: 'add', path: '/spec/ports/0/appProtocol', value: appProtocol }];
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      allowed: true,
      ...(request.name === name
        ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
        : {}),
    },
  };
};

/** A real admission webhook on the loopback address; answers with what ends it. */
export const startMutatingWebhook = async (
  client: KubernetesClient,
  mutation: ServiceMutation,
): Promise<() => Promise<void>> => {
  const now = new Date();
  const authority = generateCertificateAuthority('webhook', now);
  const { 'tls.crt': cert, 'tls.key': key } = issueCertificate(
    authority,
    { commonName: 'webhook', subjectAltNames: [{ type: 'ip', value: '127.0.0.1' }], lifetime: 'leaf' },
    now,
  );
  const server = createServer({ cert, key }, async (request, response) => {
    const review = reviewSchema.parse(await json(request));
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(review, mutation)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const name = `mutate.${mutation.namespace}.test`;
  await client.create({
    apiVersion: webhookConfigurations.apiVersion,
    kind: webhookConfigurations.kind,
    metadata: { name },
    webhooks: [
      {
        name,
        clientConfig: {
          url: `https://127.0.0.1:${port}/`,
          caBundle: Buffer.from(authority.certificatePem).toString('base64'),
        },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': mutation.namespace } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['services'], operations: ['CREATE', 'UPDATE'] }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
      },
    ],
  });
  return async () => {
    await client.delete({ resource: webhookConfigurations, name });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
};
