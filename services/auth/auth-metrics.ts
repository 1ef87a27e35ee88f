import { Counter, Gauge, type Registry } from 'prom-client';
import type { SignInOutcome } from './accounts/authentication.ts';
import type { RegistrationOutcome } from './accounts/registration.ts';
import type { OutboxOutcome } from './outbox/outbox-worker.ts';
import type { CommitOutcome } from './unit-of-work/commit.ts';

/** What auth counts besides requests. Labels are bounded: nothing in them comes from outside. */
export type AuthMetrics = {
  countSignIn(result: SignInOutcome['kind']): void;
  countRegistration(result: RegistrationOutcome['kind']): void;
  countOutbox(topic: string, outcome: OutboxOutcome): void;
  countCommit(outcome: CommitOutcome): void;
  countTokens(kind: 'access_token' | 'client_credentials' | 'refresh_token'): void;
};

export const createAuthMetrics = (registry: Registry, hashesWaiting: () => number): AuthMetrics => {
  const registers = [registry];
  const signIns = new Counter({
    name: 'auth_sign_ins_total',
    help: 'Attempts to sign in with a password; throttled ones were not looked at.',
    labelNames: ['result'],
    registers,
  });
  const registrations = new Counter({
    name: 'auth_registrations_total',
    help: 'Registrations; accepted ones include those of an address that has an account.',
    labelNames: ['result'],
    registers,
  });
  const outbox = new Counter({
    name: 'auth_outbox_attempts_total',
    help: 'Deliveries of mails and revocations by what became of them; given_up ones are lost.',
    labelNames: ['topic', 'outcome'],
    registers,
  });
  const commits = new Counter({
    name: 'auth_commits_total',
    help: 'Units of work by what became of them.',
    labelNames: ['outcome'],
    registers,
  });
  const tokens = new Counter({
    name: 'auth_tokens_issued_total',
    help: 'Tokens that were handed out.',
    labelNames: ['kind'],
    registers,
  });
  new Gauge({
    name: 'auth_password_hashes_waiting',
    help: 'Password hashes that wait for their turn.',
    registers,
    collect() {
      this.set(hashesWaiting());
    },
  });
  return {
    countSignIn: (result) => signIns.inc({ result }),
    countRegistration: (result) => registrations.inc({ result }),
    countOutbox: (topic, outcome) => outbox.inc({ topic, outcome }),
    countCommit: (outcome) => commits.inc({ outcome: outcome.kind === 'refused' ? outcome.reason : outcome.kind }),
    countTokens: (kind) => tokens.inc({ kind }),
  };
};
