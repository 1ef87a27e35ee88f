import { createLogger } from '../shared/logging.ts';
import { runService } from '../shared/service-process.ts';
import { readSettings, settingsPath } from '../shared/settings-file.ts';
import { composeGateway } from './gateway.ts';
import { gatewaySettingsSchema } from './settings.ts';

const logger = createLogger('gateway', 'info');
try {
  const settings = readSettings(settingsPath(process.argv), gatewaySettingsSchema);
  await runService(composeGateway(settings, logger));
} catch (error) {
  logger.fatal({ err: error }, 'cannot start');
  process.exit(1);
}
