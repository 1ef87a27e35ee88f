import { routeConsoleTo } from '../shared/logging.ts';
import { startProcess } from '../shared/main-process.ts';
import { runService } from '../shared/service-process.ts';
import { readSettings, settingsPath } from '../shared/settings-file.ts';
import { authSettingsSchema } from './settings.ts';

// node auth.mjs <settings.json>
await startProcess('auth', async (logger) => {
  const settings = readSettings(settingsPath(process.argv), authSettingsSchema);
  routeConsoleTo(logger);
  // Loaded late, because oidc-provider prints notices while it is loaded.
  const { buildAuth } = await import('./service.ts');
  await runService(await buildAuth(settings, logger));
});
