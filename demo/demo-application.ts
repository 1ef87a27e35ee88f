import { demo } from '../e2e/installation/demo-installation.ts';

/** The issuer's port: in pods and on this machine the same name and port lead to the gateway. */
export const issuerPort = Number(new URL(demo.issuer).port);

/** The example application as `examples/client.yaml` registers it. */
export const demoApplication = {
  /** Where the operator leaves issuer, client id and secret. */
  secretName: 'demo-app-oidc',
  addresses: {
    redirectUri: 'http://127.0.0.1:8765/callback',
    postLogoutRedirectUri: 'http://127.0.0.1:8765/signed-out',
  },
} as const;

/** Ports of loopback that the demo needs. */
export const demoPorts = [issuerPort, Number(new URL(demoApplication.addresses.redirectUri).port)] as const;
