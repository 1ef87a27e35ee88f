import type { z } from 'zod';
import { group, version } from './group.ts';
import { clientSpecSchema, clientStatusSchema } from './identity-client.ts';
import { tenantSpecSchema } from './identity-tenant.ts';
import { buildStructuralSchema } from './structural-schema.ts';
import { tenantStatusSchema } from './tenant-status.ts';

type PrinterColumn = { name: string; type: 'string' | 'date' | 'integer'; jsonPath: string; priority?: number };

type Resource = {
  kind: string;
  plural: string;
  shortName: string;
  description: string;
  spec: z.ZodType;
  status: z.ZodType;
  columns: PrinterColumn[];
};

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const condition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;

const identityTenant: Resource = {
  kind: 'IdentityTenant',
  plural: 'identitytenants',
  shortName: 'idt',
  description: 'Highly available customer identity: a gateway, an OpenID provider and a token store.',
  spec: tenantSpecSchema,
  status: tenantStatusSchema,
  columns: [
    { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
    { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason') },
    { name: 'Issuer', type: 'string', jsonPath: '.spec.issuer' },
    { name: 'Zones', type: 'string', jsonPath: '.status.zones' },
    { name: 'Key Age', type: 'date', jsonPath: '.status.keys[?(@.state=="Active")].since' },
    age,
    { name: 'Version', type: 'string', jsonPath: '.status.version', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: condition('Ready', 'message'), priority: 1 },
  ],
};

const identityClient: Resource = {
  kind: 'IdentityClient',
  plural: 'identityclients',
  shortName: 'idc',
  description: 'An OpenID Connect client of an IdentityTenant.',
  spec: clientSpecSchema,
  status: clientStatusSchema,
  columns: [
    { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
    { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason') },
    { name: 'Tenant', type: 'string', jsonPath: '.spec.tenantRef.name' },
    { name: 'Secret', type: 'string', jsonPath: '.status.binding.name' },
    age,
    { name: 'Message', type: 'string', jsonPath: condition('Ready', 'message'), priority: 1 },
  ],
};

/** Longest names, so that those of owned objects (`<name>-token-store-<hash>`) stay within 63 characters. */
const nameRule = {
  rule: "self.metadata.name.matches('^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$')",
  message: 'metadata.name must be a DNS label of at most 40 characters that begins with a letter',
};

const buildDefinition = (resource: Resource) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${resource.plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: {
      kind: resource.kind,
      listKind: `${resource.kind}List`,
      plural: resource.plural,
      singular: resource.kind.toLowerCase(),
      shortNames: [resource.shortName],
      categories: ['identity'],
    },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: resource.columns,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: resource.description,
            required: ['spec'],
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: buildStructuralSchema(resource.spec, 'spec'),
              status: buildStructuralSchema(resource.status, 'status'),
            },
            'x-kubernetes-validations': [nameRule],
          },
        },
      },
    ],
  },
});

/** The CustomResourceDefinitions that `make generate` writes to `crds/`. */
export const buildCustomResourceDefinitions = () => [identityTenant, identityClient].map(buildDefinition);
