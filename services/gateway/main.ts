import { startProcess } from '../shared/main-process.ts';
import { runService } from '../shared/service-process.ts';
import { readSettings, settingsPath } from '../shared/settings-file.ts';
import { composeGateway } from './gateway.ts';
import { gatewaySettingsSchema } from './settings.ts';

// node gateway.mjs <settings.json>
await startProcess('gateway', async (logger) => {
  const settings = readSettings(settingsPath(process.argv), gatewaySettingsSchema);
  await runService(composeGateway(settings, logger));
});
