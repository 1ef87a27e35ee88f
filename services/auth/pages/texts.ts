import type { PasswordRefusal } from '../accounts/password-policy.ts';

/** Every English text that a person reads. Another language is another object of this shape. */
export const texts = {
  language: 'en',
  email: 'Email address',
  password: 'Password',
  name: 'Name',
  optional: '(optional)',
  signIn: {
    title: 'Sign in',
    to: (application: string) => `to continue to ${application}`,
    submit: 'Sign in',
    cancel: 'Cancel',
    newHere: 'New here?',
    register: 'Create an account',
    failed: 'That email address and password do not belong together. Check both and try again.',
    registered:
      'Thank you. If this email address is new here, your account is ready: sign in with the password that you chose.',
  },
  register: {
    title: 'Create an account',
    submit: 'Create account',
    haveOne: 'Have an account already?',
    signIn: 'Sign in',
    passwordHint: (minimum: number) =>
      `At least ${minimum} characters. A few words that only you would put together work well.`,
    closed: 'New accounts cannot be created here.',
  },
  signOut: {
    title: 'Sign out?',
    question: (application: string) => `You are signed in at ${application}.`,
    submit: 'Sign out',
    stay: 'Stay signed in',
  },
  signedOut: {
    title: 'You are signed out',
    explanation: 'You can close this page.',
    stillSignedInTitle: 'You are still signed in',
    ofOne: (application: string, brand: string) =>
      `${application} has signed you out. You are still signed in at ${brand}.`,
    stayed: (brand: string) => `You are still signed in at ${brand}. You can close this page.`,
  },
  fieldErrors: {
    emailRequired: 'Enter your email address.',
    emailInvalid: 'This does not look like an email address. It should read like name@example.com.',
    passwordRequired: 'Enter your password.',
    nameTooLong: 'Use at most 100 characters, on one line.',
  },
  passwordRefusals: (minimum: number): Record<PasswordRefusal, string> => ({
    too_short: `Use at least ${minimum} characters.`,
    too_long: 'Use at most 128 characters.',
    common: 'This password is on every list of passwords that are tried first. Choose another one.',
    same_as_email: 'Your email address is not a secret. Choose another password.',
  }),
  errors: {
    title: 'This did not work',
    correlation: 'If you ask for help, give this number:',
    expired: 'This sign-in has expired or was finished in another tab. Go back to the application and start again.',
    forgedForm: 'This page was open for too long. Go back to the application and start again.',
    invalidRequest: 'The application sent a request that we cannot accept. Go back and try again, or tell its makers.',
    overtaken: 'This sign-in was finished already, or it has been revoked. Go back to the application and start again.',
    unavailable: 'We cannot reach our database at the moment. Nothing is lost: wait a little and try again.',
    busy: 'Very many people sign in at the moment. Wait a little and try again.',
    unexpected: 'Something on our side is broken, and we have been told. Try again in a few minutes.',
    notFound: 'There is nothing at this address.',
  },
} as const;
