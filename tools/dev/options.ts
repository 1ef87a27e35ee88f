import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const project = path.resolve(import.meta.dirname, '../..');

const optionsSchema = z.object({
  port: z.coerce.number().int().min(1).max(65_535).default(8443),
  state: z.string().min(1).default(path.join(project, 'build/dev')),
  clients: z.string().min(1).default(path.join(project, 'examples/dev-clients.json')),
  watch: z.boolean().default(true),
});

/** What `make dev` can be told. Paths are absolute. */
export type DevOptions = {
  /** Of the public entrance, and of the issuer `https://localhost:<port>`. */
  readonly port: number;
  /** Folder that keeps keys, data and logs between runs. */
  readonly stateDirectory: string;
  readonly clientsFile: string;
  /** Whether a service is started again when its sources change. */
  readonly watch: boolean;
};

const usage = 'usage: node tools/dev.ts [--port 8443] [--state build/dev] [--clients FILE] [--no-watch]';

/**
 * Reads the arguments of `tools/dev.ts` (or of `tools/dev/sign-in.ts`, which uses `--state` alone).
 * @throws Error whose message is fit for the user
 */
export const parseDevOptions = (argv: readonly string[]): DevOptions => {
  const text = { type: 'string' } as const;
  const options = { port: text, state: text, clients: text, watch: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args: [...argv], options, allowNegative: true });
  const parsed = optionsSchema.safeParse(values);
  if (!parsed.success) {
    throw new Error(`--${parsed.error.issues[0]?.path.join('.')} cannot be used; ${usage}`);
  }
  const { port, state, clients, watch } = parsed.data;
  return { port, stateDirectory: path.resolve(state), clientsFile: path.resolve(clients), watch };
};
