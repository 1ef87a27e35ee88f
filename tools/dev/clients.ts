import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { Agent } from 'undici';
import { z } from 'zod';
import {
  type ClientRegistration,
  clientRegistrationSchema,
} from '../../services/shared/contracts/client-registration.ts';
import { loadWorkloadIdentity } from '../../services/shared/identity.ts';
import { peerConnectOptions } from '../../services/shared/mutual-tls.ts';
import { watchDirectory } from '../../services/shared/watched-directory.ts';
import type { Running } from './running.ts';
import { devTenant, loopback } from './settings.ts';

const clientsFileSchema = z
  .array(clientRegistrationSchema)
  .refine((clients) => new Set(clients.map(({ clientId }) => clientId)).size === clients.length, {
    message: 'two clients have the same clientId',
  });

/** @throws Error that names the file and the field, fit for the user */
export const readClientsFile = async (file: string): Promise<ClientRegistration[]> => {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error(`${file} cannot be read`);
  });
  const parsed = clientsFileSchema.safeParse(parseJson(file, text));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
  throw new Error(`${file}: ${faults.join('; ')}`);
};

const parseJson = (file: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file} is not valid JSON`);
  }
};

/** The client that the example application can play: public, signs users in, and gets them back on this machine. */
export const findApplicationClient = (clients: readonly ClientRegistration[]): Running['application'] => {
  for (const { clientId, tokenEndpointAuthMethod, redirectUris, postLogoutRedirectUris } of clients) {
    const redirectUri = redirectUris.find((uri) => uri.startsWith(`http://${loopback}:`));
    if (tokenEndpointAuthMethod !== 'none' || redirectUri === undefined) continue;
    const postLogoutRedirectUri = postLogoutRedirectUris.find((uri) => uri.startsWith(new URL(redirectUri).origin));
    return { clientId, redirectUri, ...(postLogoutRedirectUri !== undefined && { postLogoutRedirectUri }) };
  }
  return undefined;
};

/** auth's registry of clients, as the operator uses it. */
export type ClientRegistryWriter = {
  /** Makes auth's clients those of the file: writes each of them and removes the others. Throws what auth refuses. */
  write(clients: readonly ClientRegistration[]): Promise<void>;
  close(): Promise<void>;
};

const registeredSchema = z.object({ clients: z.array(z.object({ clientId: z.string() })) });
const problemSchema = z.object({ title: z.string(), detail: z.string().optional() });

/** Speaks to auth with the operator's certificate. */
export const connectClientRegistry = (identityDirectory: string, port: number): ClientRegistryWriter => {
  const ended = new AbortController();
  const logger = pino({ level: 'silent' });
  const identity = loadWorkloadIdentity(identityDirectory, { ...devTenant, signal: ended.signal, logger });
  const agent = new Agent({ connect: peerConnectOptions(identity, 'auth') });

  const send = async (method: 'GET' | 'PUT' | 'DELETE', clientId: string, registration?: ClientRegistration) => {
    const answer = await agent.request({
      origin: `https://${loopback}:${port}`,
      method,
      path: `/internal/clients/${encodeURIComponent(clientId)}`,
      ...(registration !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(registration),
      }),
    });
    const body = await answer.body.json();
    if (answer.statusCode === 200) return body;
    const { title = `status ${answer.statusCode}`, detail } = problemSchema.safeParse(body).data ?? {};
    throw new Error(`client ${clientId}: ${[title, detail].filter(Boolean).join(': ')}`);
  };

  return {
    write: async (clients) => {
      for (const client of clients) await send('PUT', client.clientId, client);
      const wanted = new Set(clients.map(({ clientId }) => clientId));
      const registered = registeredSchema.parse(await send('GET', ''));
      for (const { clientId } of registered.clients) {
        if (!wanted.has(clientId)) await send('DELETE', clientId);
      }
    },
    close: async () => {
      ended.abort();
      await agent.close();
    },
  };
};

/** Another one whenever the file was written or replaced; a file that is not there has one too. */
const fingerprint = (file: string): string => {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'absent' : `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
};

/** Calls `onChange` when the file changes, until the signal aborts. Its neighbours may change: a log of ours among them. */
export const watchClientsFile = (file: string, onChange: () => Promise<void>, signal: AbortSignal): void => {
  let seen = fingerprint(file);
  const check = async (): Promise<void> => {
    const present = fingerprint(file);
    if (present === seen) return;
    seen = present;
    await onChange();
  };
  // What goes wrong is the callback's to say: this logger is for services.
  watchDirectory(path.dirname(file), { onChange: check, signal, logger: pino({ level: 'silent' }) });
};
