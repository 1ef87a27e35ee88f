import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** A settings file that cannot be used. The message names file and field, never a value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code: 'unreadable' | 'not_json' | 'invalid';

  constructor(code: SettingsError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingsError('unreadable', `${path}: ${errorCode(error)}`);
  }
};

const parseJson = (path: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse quotes the text around the mistake, which may be a secret.
    throw new SettingsError('not_json', `${path}: not valid JSON`);
  }
};

/** Reads and parses a JSON file; throws SettingsError. Synchronous: it is called at start and on a rare change. */
export const readSettings = <Schema extends z.ZodType>(path: string, schema: Schema): z.output<Schema> => {
  const parsed = schema.safeParse(parseJson(path, readText(path)));
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(all)'} (${issue.code})`);
    throw new SettingsError('invalid', `${path}: ${fields.join(', ')}`);
  }
  return parsed.data;
};

/** The first argument of the process, where the operator puts the path of `settings.json`. */
export const settingsPath = (argv: readonly string[]): string => {
  const path = argv[2];
  if (path === undefined) {
    throw new SettingsError('unreadable', 'The first argument must be the path of the settings file');
  }
  return path;
};
