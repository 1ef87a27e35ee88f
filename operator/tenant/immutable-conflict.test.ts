import { describe, expect, it } from 'vitest';
import { planReplacement } from './immutable-conflict.ts';

const refusal = (message: string, fields: readonly string[], reason = 'Invalid') => ({ reason, message, fields });

// As kube-apiserver 1.34 answers.
const statefulSet = refusal(
  "StatefulSet.apps \"acme-database\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template' are forbidden",
  ['spec'],
);
const service = refusal(
  'Service "acme-auth-pods" is invalid: spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
  ['spec.clusterIPs[0]'],
);
const selector = refusal(
  'Deployment.apps "acme-auth" is invalid: spec.selector: Invalid value: {}: field is immutable',
  ['spec.selector'],
);
const memory = refusal(
  'Deployment.apps "acme-auth" is invalid: [spec.selector: Invalid value: {}: field is immutable, resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi]',
  ['spec.selector', 'spec.template.spec.containers[0].resources.requests'],
);

describe('an object whose change the API server refuses', () => {
  it.each([
    ['leaves its pod to the next StatefulSet', 'StatefulSet', statefulSet, 'Orphan'],
    ['leaves its pods to the next Deployment', 'Deployment', selector, 'Orphan'],
    ['gives its name to a Service with no address', 'Service', service, 'Background'],
    ['stays where there is another mistake, which the next one would have too', 'Deployment', memory, undefined],
    ['stays where a policy forbids it', 'Service', { ...service, reason: 'Forbidden' }, undefined],
    ['stays where it holds data', 'PersistentVolumeClaim', selector, undefined],
    ['stays where it holds keys', 'Secret', refusal('data: field is immutable', ['data']), undefined],
  ] as const)('%s', (_case, kind, error, policy) => {
    expect(planReplacement(kind, error)).toBe(policy);
  });
});
