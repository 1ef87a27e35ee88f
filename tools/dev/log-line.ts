import { z } from 'zod';

const entrySchema = z.looseObject({
  level: z.string().default('info'),
  time: z.string().optional(),
  msg: z.string().default(''),
  service: z.string().optional(),
  err: z.looseObject({ message: z.string() }).optional(),
});

const longestDetail = 200;

const formatValue = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"=]*$/.test(text) ? text : JSON.stringify(text);
};

const parseLine = (line: string): z.infer<typeof entrySchema> | undefined => {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
};

/**
 * One line of a service's log for a person: `12:00:01 warn  auth         message key=value`. What is not JSON (a stack, a
 * warning of Node's) is passed on as it is; the log file has every line as it came.
 */
export const formatLogLine = (name: string, line: string): string => {
  const head = (time: string, level: string): string => `${time.padEnd(8)} ${level.padEnd(5)} ${name.padEnd(12)}`;
  const entry = parseLine(line);
  if (entry === undefined) return `${head('', '')} ${line}`;
  const { level, time, msg, service: _, err, pid: _pid, hostname: _hostname, ...fields } = entry;
  const details = Object.entries({ ...fields, ...(err !== undefined && { err: err.message }) })
    .map(([key, value]) => `${key}=${formatValue(value)}`)
    .join(' ');
  const short = details.length > longestDetail ? `${details.slice(0, longestDetail)}…` : details;
  return `${head(time?.slice(11, 19) ?? '', level)} ${[msg, short].filter(Boolean).join(' ')}`;
};
