import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const project = path.resolve(import.meta.dirname, '../..');

const optionsSchema = z.object({
  command: z.enum(['up', 'sign-in']).default('up'),
  port: z.coerce.number().int().min(1).max(65_535).default(8443),
  state: z.string().min(1).default(path.join(project, 'build/dev')),
  clients: z.string().min(1).default(path.join(project, 'examples/dev-clients.json')),
  watch: z.boolean().default(true),
});

/** What `make dev` can be told. Paths are absolute. */
export type DevOptions = {
  /** `up` runs until Ctrl-C; `sign-in` signs somebody in at the one that runs. */
  readonly command: 'up' | 'sign-in';
  /** Of the public entrance, and of the issuer `https://localhost:<port>`. */
  readonly port: number;
  /** Folder that keeps keys, data and logs between runs. */
  readonly stateDirectory: string;
  readonly clientsFile: string;
  /** Whether a service is started again when its sources change. */
  readonly watch: boolean;
};

const usage = 'usage: node tools/dev.ts [up | sign-in] [--port 8443] [--state build/dev] [--clients FILE] [--no-watch]';

/**
 * Reads the arguments of `tools/dev.ts`.
 * @throws Error whose message is fit for the user
 */
export const parseDevOptions = (argv: readonly string[]): DevOptions => {
  const text = { type: 'string' } as const;
  const options = { port: text, state: text, clients: text, watch: { type: 'boolean' } } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowNegative: true, allowPositionals: true });
  const [command, ...rest] = positionals;
  const parsed = optionsSchema.safeParse({ ...values, command });
  if (!parsed.success || rest.length > 0) {
    throw new Error(`${parsed.error?.issues[0]?.path.join('.') ?? rest[0]} cannot be used; ${usage}`);
  }
  const { port, state, clients, watch } = parsed.data;
  return {
    command: parsed.data.command,
    port,
    stateDirectory: path.resolve(state),
    clientsFile: path.resolve(clients),
    watch,
  };
};
