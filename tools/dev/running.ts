import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** `running.json`: what an application has to know of a running `make dev`. */
const runningSchema = z.object({
  pid: z.int(),
  issuer: z.url(),
  caFile: z.string(),
  application: z
    .object({ clientId: z.string(), redirectUri: z.url(), postLogoutRedirectUri: z.url().exactOptional() })
    .optional(),
});
export type Running = z.infer<typeof runningSchema>;

/** What `make dev` left for applications; undefined when there is nothing of use. */
export const readRunning = async (file: string): Promise<Running | undefined> => {
  try {
    return runningSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
};
