// node bench/identity/peers/bare-provider.ts PORT SECRET: oidc-provider with its own memory, as the floor of what auth can be
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port = '', secret = ''] = process.argv.slice(2);
const audience = 'https://api.shop.example';

const signingKey = {
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  alg: 'ES256',
  use: 'sig',
  kid: randomUUID(),
};

const provider = new Provider('https://id.shop.example', {
  jwks: { keys: [signingKey] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  clients: [
    {
      client_id: 'shop',
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirect_uris: ['https://shop.example/callback'],
    },
  ],
  scopes: ['openid', 'offline_access', 'email'],
  claims: { openid: ['sub'], email: ['email'] },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  findAccount: async (_context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.test` }),
  }),
  cookies: { keys: [randomUUID()] },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => audience,
      useGrantedResource: async () => true,
      getResourceServerInfo: async () => ({ scope: 'email', audience, accessTokenFormat: 'jwt' as const }),
    },
  },
});
provider.proxy = true;
// Its links lead to the host that a request names.
const answer = provider.callback();
createServer((request, response) => {
  request.headers['x-forwarded-host'] = 'id.shop.example';
  request.headers['x-forwarded-proto'] = 'https';
  void answer(request, response);
}).listen(Number(port), '127.0.0.1');
