import { writeFile } from 'node:fs/promises';
import { startProcess } from '../shared/main-process.ts';
import { readSettings } from '../shared/settings-file.ts';
import { runMigration } from './migration-run.ts';
import { migrateSettingsSchema } from './settings.ts';

// node migrate.mjs <settings.json> [<termination log>]
const [, , settingsPath = '/etc/identity/settings.json', terminationLog = '/dev/termination-log'] = process.argv;

await startProcess('migrate', async (logger) => {
  const settings = readSettings(settingsPath, migrateSettingsSchema);
  const report = await runMigration(settings, { logger });
  logger.info({ ...report }, 'migration ended');
  // Outside of Kubernetes there is no such file to write, and nobody who reads it.
  await writeFile(terminationLog, `${JSON.stringify(report)}\n`).catch((error: unknown) => {
    logger.warn({ error: error instanceof Error ? error.message : 'unknown' }, 'termination message not written');
  });
  process.exitCode = report.outcome === 'migrated' ? 0 : 1;
});
