import { open } from 'node:fs/promises';
import { z } from 'zod';

/** What a user asked of the API server. The Lease counts nowhere: it is kept whatever there is to do. */
export type RequestCount = {
  /** create, update, patch, delete; Events apart. */
  readonly writes: number;
  /** Writes of Events. */
  readonly events: number;
  /** get, list and the start of a watch. */
  readonly reads: number;
  /** `patch deployments`, `create events`, ...: all that was counted. */
  readonly byKind: ReadonlyMap<string, number>;
};

const entrySchema = z.object({
  stage: z.string(),
  verb: z.string(),
  objectRef: z.object({ resource: z.string(), subresource: z.string().optional() }).optional(),
});

/** The policy that writes one line for each request of `user`, and nothing else. */
export const auditPolicy = (user: string): string =>
  JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
  });

// A watch is told of twice, when it begins and when it ends.
const countedStage = (verb: string): string => (verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete');

/** Counts the lines of an audit log that {@link auditPolicy} shapes. */
export const countRequests = (lines: readonly string[]): RequestCount => {
  const byKind = new Map<string, number>();
  const count = { writes: 0, events: 0, reads: 0 };
  for (const line of lines) {
    const { stage, verb, objectRef } = entrySchema.parse(JSON.parse(line));
    if (stage !== countedStage(verb) || objectRef?.resource === 'leases') continue;
    const { resource, subresource } = objectRef ?? { resource: 'others' };
    const name = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
    byKind.set(name, (byKind.get(name) ?? 0) + 1);
    if (['get', 'list', 'watch'].includes(verb)) count.reads += 1;
    else if (resource === 'events') count.events += 1;
    else count.writes += 1;
  }
  return { ...count, byKind };
};

/** Reads an audit log as it grows: each call counts what came since the last one. */
export const followAuditLog = (file: string): (() => Promise<RequestCount>) => {
  let position = 0;
  return async () => {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - position), 0, size - position, position);
      const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1;
      position += end;
      return countRequests(
        buffer
          .subarray(0, end)
          .toString()
          .split('\n')
          .filter((line) => line !== ''),
      );
    } finally {
      await handle.close();
    }
  };
};
