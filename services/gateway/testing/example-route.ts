import type { GatewayRoute } from '../settings.ts';

/** A route that wants a token and no scope; say what matters to the test. */
export const exampleRoute = (changes: Partial<GatewayRoute> = {}): GatewayRoute => ({
  name: 'example',
  pathPrefix: '/example',
  upstreamUrl: 'http://127.0.0.1:1',
  authentication: 'Required',
  scopes: [],
  stripPrefix: false,
  timeoutMilliseconds: 5_000,
  ...changes,
});
