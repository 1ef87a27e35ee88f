import { startProcess } from '../shared/main-process.ts';
import { runService } from '../shared/service-process.ts';
import { readSettings, settingsPath } from '../shared/settings-file.ts';
import { buildTokenStore } from './service.ts';
import { tokenStoreSettingsSchema } from './settings.ts';

// node token-store.mjs <settings.json>
await startProcess('token-store', async (logger) => {
  const settings = readSettings(settingsPath(process.argv), tokenStoreSettingsSchema);
  await runService(await buildTokenStore(settings, logger));
});
