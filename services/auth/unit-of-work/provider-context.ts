import type { Provider } from 'oidc-provider';

/** koa's middleware and context as oidc-provider has them; koa itself is its dependency, not ours. */
export type ProviderMiddleware = Parameters<Provider['use']>[0];
export type ProviderContext = Parameters<ProviderMiddleware>[0];
export type ProviderNext = Parameters<ProviderMiddleware>[1];
