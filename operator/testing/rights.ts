import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { AuditedCall } from '../../e2e/cluster/audit-log.ts';

/** A verb on a resource or a path, as one reads it: `patch deployments.apps`, `create pods/eviction`, `get /openid/v1/jwks`. */
export type Right = string;

const format = (verb: string, resource: string, group: string): Right =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}`;

const roleSchema = z.object({
  kind: z.enum(['Role', 'ClusterRole']),
  rules: z.array(
    z.object({
      apiGroups: z.array(z.string()).default(['']),
      resources: z.array(z.string()).default([]),
      nonResourceURLs: z.array(z.string()).default([]),
      verbs: z.array(z.string()),
    }),
  ),
});

/** Each right that the roles of a rendering of the chart give, once, sorted. */
export const listGrantedRights = (rendering: string): readonly Right[] => {
  const roles = parseAllDocuments(rendering).flatMap((document) => roleSchema.safeParse(document.toJS()).data ?? []);
  const rights = roles.flatMap(({ rules }) =>
    rules.flatMap(({ apiGroups, resources, nonResourceURLs, verbs }) =>
      apiGroups.flatMap((group) =>
        [...resources, ...nonResourceURLs].flatMap((resource) => verbs.map((verb) => format(verb, resource, group))),
      ),
    ),
  );
  return [...new Set(rights)].sort();
};

/** Each right that was needed for calls to be answered as they were, once, sorted; refused calls count too. */
export const listUsedRights = (calls: readonly AuditedCall[]): readonly Right[] => {
  const rights = calls.flatMap(({ verb, group, resource, code }) => [
    format(verb, resource, group),
    // A server-side apply that makes the object asks for both, and is audited as what it is.
    ...(verb === 'patch' && code === 201 ? [format('create', resource, group)] : []),
  ]);
  return [...new Set(rights)].sort();
};
