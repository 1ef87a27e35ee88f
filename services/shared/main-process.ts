import type { Logger } from 'pino';
import { createLogger } from './logging.ts';

/**
 * The frame of every `main.ts`: what goes wrong before a service runs is one fatal line with its reason, and exit status
 * 1, so that `kubectl logs` shows it beside everything else.
 */
export const startProcess = async (name: string, start: (logger: Logger) => Promise<void>): Promise<void> => {
  const logger = createLogger(name, 'info');
  try {
    await start(logger);
  } catch (error) {
    logger.fatal({ err: error }, 'cannot start');
    process.exit(1);
  }
};
