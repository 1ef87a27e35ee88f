// Starts a control plane, prints its folder, and waits to be killed.
import { startControlPlane } from '../control-plane.ts';

const { directory } = await startControlPlane({ nodes: false, controllerManager: false });
process.stdout.write(`${directory}\n`);
setInterval(() => {}, 60_000);
