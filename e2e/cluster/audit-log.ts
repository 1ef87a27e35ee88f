import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const fileName = 'audit.log';

/** Flags by which kube-apiserver writes down what the operator asks, into a file of this folder. */
export const auditLogFlags = (directory: string): readonly string[] => [
  `--audit-log-path=${path.join(directory, fileName)}`,
  `--audit-policy-file=${path.join(import.meta.dirname, 'audit-policy.yaml')}`,
];

/** One answered request. `verb` is RBAC's, such as `list`; `resource` has its subresource (`pods/eviction`), or is a path. */
export type AuditedCall = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** HTTP status. */
  readonly code: number;
  /** What the API server says of a request that failed. */
  readonly message: string;
};

/** What answers 403, too, and says nothing of rights: a quota, and a namespace that goes. */
const otherRefusals = ['exceeded quota', 'because it is being terminated'];

/** Whether a call was refused for want of a right. */
export const isForbidden = ({ code, message }: AuditedCall): boolean =>
  code === 403 && !otherRefusals.some((words) => message.includes(words));

const eventSchema = z.object({
  verb: z.string(),
  requestURI: z.string().default(''),
  objectRef: z
    .object({
      apiGroup: z.string().default(''),
      resource: z.string(),
      subresource: z.string().optional(),
      namespace: z.string().default(''),
      name: z.string().default(''),
    })
    // Discovery and the like are about no object.
    .optional(),
  responseStatus: z.object({ code: z.int().default(0), message: z.string().default('') }).prefault({}),
});

/** Of what is no object, what only some may read; discovery, the version and the like are everybody's. */
const guardedPath = /^\/(openid|\.well-known)\//;

const parseEvent = (line: string): AuditedCall[] => {
  const { verb, requestURI, objectRef, responseStatus } = eventSchema.parse(JSON.parse(line));
  if (objectRef === undefined) {
    if (!guardedPath.test(requestURI)) return [];
    return [{ verb, group: '', resource: requestURI, namespace: '', name: '', ...responseStatus }];
  }
  const { apiGroup, resource, subresource, namespace, name } = objectRef;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  return [{ verb, group: apiGroup, resource: full, namespace, name, ...responseStatus }];
};

/** What the operator has asked so far, in the order of the answers. A watch stands in it twice, begun and ended. */
export const readAuditLog = async (directory: string): Promise<readonly AuditedCall[]> => {
  const text = await readFile(path.join(directory, fileName), 'utf8');
  // The last line may be half written.
  return text.split('\n').slice(0, -1).flatMap(parseEvent);
};
