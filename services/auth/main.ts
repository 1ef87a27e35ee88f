import { createLogger, routeConsoleTo } from '../shared/logging.ts';
import { runService } from '../shared/service-process.ts';
import { readSettings, settingsPath } from '../shared/settings-file.ts';
import { buildAuth } from './service.ts';
import { authSettingsSchema } from './settings.ts';

// node auth.mjs <settings.json>
const settings = readSettings(settingsPath(process.argv), authSettingsSchema);
const logger = createLogger('auth', 'info');
routeConsoleTo(logger);
await runService(await buildAuth(settings, logger));
