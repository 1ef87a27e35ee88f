import { describe, expect, it } from 'vitest';
import { findAffectedServices } from './sources.ts';

describe('findAffectedServices', () => {
  it.each([
    ['services/auth/app.ts', ['auth']],
    ['services/auth/pages/templates/sign-in.eta', ['auth']],
    ['services/auth/pages/templates/style.css', ['auth']],
    ['services/gateway/proxy.ts', ['gateway']],
    ['services/token-store/queries/find.ts', ['token-store']],
    ['services/token-store/client/token-store-client.ts', ['token-store', 'auth']],
    ['services/token-store/contract.ts', ['token-store', 'auth']],
    ['services/shared/logging.ts', ['token-store', 'auth', 'gateway']],
    ['examples/service/main.ts', ['a', 'b', 'c']],
    ['services/migrate/main.ts', []],
    ['services/auth/README.md', []],
    ['services/auth/app.test.ts', []],
    ['services/auth/sign-in.integration.test.ts', []],
    ['services/shared/testing/postgres.ts', []],
  ])('%s: %j', (file, expected) => {
    expect(findAffectedServices(file)).toEqual(expected);
  });
});
