// Runs under the lock of build.ts: node build-once.ts DIRECTORY GO FLAGS...
import { buildInto } from './build.ts';

const [directory, go, ...flags] = process.argv.slice(2);
if (directory === undefined || go === undefined) throw new Error('usage: build-once.ts DIRECTORY GO FLAGS...');
await buildInto(directory, go, flags);
