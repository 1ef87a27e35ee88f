import type { PasswordRefusal } from '../accounts/password-policy.ts';

/** What a mail says, but for the address of its link. */
export type MailWords = {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  /** `note` is what is said below the button. */
  readonly action?: { readonly label: string; readonly note: string };
};

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
    forgot: 'Forgot your password?',
    registered:
      'Thank you. If this email address is new here, your account is ready: sign in with the password that you chose.',
    registeredWithMail: (email: string) =>
      `Thank you. We have sent a mail to ${email}. Follow its link to confirm the address, then sign in here.`,
    unconfirmed: 'Confirm your email address first. We have sent you the mail with the link again.',
    resetSent: (email: string) =>
      `If there is an account with the address ${email}, a mail with a link to set a new password is on its way.`,
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
  forgot: {
    title: 'Reset your password',
    lead: 'We send you a mail with a link by which you can set a new one.',
    submit: 'Send the mail',
    back: 'Back to sign-in',
  },
  account: {
    title: 'Your account',
    clientName: 'your account',
    signedInAs: (email: string) => `You are signed in as ${email}.`,
    signOut: 'Sign out',
    signIn: 'Sign in',
    notSignedIn: 'You are not signed in',
    notSignedInLead: 'To see your account, sign in.',
    saveName: 'Save name',
    confirmed: 'confirmed',
    unconfirmed: 'not confirmed',
    sendConfirmation: 'Send me a mail to confirm it',
    newEmail: 'New email address',
    newEmailHint: 'We send a mail there. Your address changes when you follow its link.',
    changeEmail: 'Change address',
    currentPassword: 'Current password',
    newPassword: 'New password',
    changePassword: 'Change password',
    wrongPassword: 'That is not your current password.',
    overtaken: 'Your account was changed somewhere else at the same time. Look at it, and try again.',
    sessions: 'Where you are signed in',
    thisBrowser: 'this browser',
    lastUsed: (when: string) => `Last used ${when}`,
    since: 'Since',
    endSession: 'Sign out there',
    endOtherSessions: 'Sign out everywhere else',
    applications: 'Applications with access',
    noApplications: 'You have not given access to any application of somebody else’s.',
    agreed: 'Since',
    withdraw: 'Remove access',
    /** What is said after a change. */
    notices: {
      name: 'Your name is saved.',
      newEmail: 'We have sent a mail to the new address. Follow its link to change it.',
      confirmation: 'A mail with a link to confirm your address is on its way.',
      password: 'Your password is changed. You are signed out everywhere else.',
      session: 'That device is signed out.',
      otherSessions: 'You are signed out everywhere else.',
      application: 'The application has no access any more.',
    },
  },
  consent: {
    title: 'Allow access?',
    lead: (application: string, email: string) =>
      `${application} is an application of somebody else’s. You are signed in as ${email}. It asks for:`,
    allow: 'Allow',
    deny: 'Do not allow',
    policy: 'What becomes of your data (opens in a new tab)',
    later: 'You can take this back in your account at any time.',
    otherScope: (scope: string) => `“${scope}” on your behalf`,
  },
  /** What a scope stands for, to the person who is asked for it. */
  scopes: {
    openid: 'Knowing that it is you, by a number that stands for you',
    email: 'Your email address',
    profile: 'Your name',
    offline_access: 'Access while you are away, until you take it back',
  } as Readonly<Record<string, string>>,
  link: {
    confirmTitle: 'Confirm your email address',
    confirmLead: (email: string) => `Enter the password that you chose for ${email}.`,
    confirmSubmit: 'Confirm address',
    choosePassword: 'I chose no password, or do not know it: set a new one',
    newAddressLead: (email: string) => `${email} becomes the address that you sign in with.`,
    wrongPassword: 'That is not the password of this account. Check it and try again.',
    confirmed: 'Your address is confirmed',
    confirmedLead: 'Go back to the application and sign in.',
    newAddressLeadDone: 'From now on you sign in with your new address.',
    resetTitle: 'Set a new password',
    resetLead: (email: string) => `For the account of ${email}. You will be signed out everywhere.`,
    newPassword: 'New password',
    resetSubmit: 'Set password',
    reset: 'Your password is changed',
    resetDone: 'You are signed out everywhere. Go back to the application and sign in with the new password.',
    expiredTitle: 'This link does not work any more',
    expired:
      'It was used already, or it is too old, or something has changed since. Ask for a new one where you sign in.',
    toAccount: 'Go to your account',
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
  device: {
    title: 'Connect a device',
    explanation: 'Enter the code that your device shows.',
    code: 'Code',
    submit: 'Continue',
    wrong: 'This code is not right, or it is too old. Look at your device again: it may show another one by now.',
    empty: 'Enter the code that your device shows.',
    aborted: 'The device was not connected. You can close this page.',
    failed: 'The device could not be connected. Start again at the device.',
    noSession: 'This page was open for too long, or your browser keeps no cookies. Open it again.',
    confirmTitle: 'Connect this device?',
    confirm: (application: string) => `${application} on a device asks to sign in as you.`,
    compare: 'Your device must show this code:',
    warning: 'If the device is not in front of you, or shows another code, somebody may be after your account: refuse.',
    allow: 'It is my device: connect it',
    refuse: 'Refuse',
    doneTitle: 'Your device is connected',
    done: (application: string) => `You are signed in to ${application} on it. You can close this page.`,
  },
  fieldErrors: {
    emailRequired: 'Enter your email address.',
    emailInvalid: 'This does not look like an email address. It should read like name@example.com.',
    passwordRequired: 'Enter your password.',
    newPasswordRequired: 'Enter a new password.',
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
    throttled: (minutes: number) =>
      `Too many attempts. Wait ${minutes === 1 ? 'a minute' : `${minutes} minutes`} and try again.`,
    busy: 'Very many people sign in at the moment. Wait a little and try again.',
    unexpected: 'Something on our side is broken, and we have been told. Try again in a few minutes.',
    notFound: 'There is nothing at this address.',
  },
  /** Mails; `brand` is what the tenant calls itself. */
  mail: {
    confirmAddress: (brand: string): MailWords => ({
      subject: `Confirm your email address for ${brand}`,
      paragraphs: [
        `Somebody, you we hope, has given this address for an account at ${brand}. Confirm that it is yours.`,
      ],
      action: {
        label: 'Confirm address',
        note: 'The link holds for a day. If it was not you, do nothing: without you nobody can use the account.',
      },
    }),
    resetPassword: (brand: string): MailWords => ({
      subject: `Set a new password for ${brand}`,
      paragraphs: [`Somebody, you we hope, has asked for a new password for your account at ${brand}.`],
      action: {
        label: 'Set a new password',
        note: 'The link holds for half an hour. If it was not you, do nothing: your password stays as it is.',
      },
    }),
    confirmNewAddress: (brand: string): MailWords => ({
      subject: `Confirm your new email address for ${brand}`,
      paragraphs: [`You want to sign in at ${brand} with this address. Confirm that it is yours.`],
      action: {
        label: 'Confirm address',
        note: 'The link holds for an hour. If it was not you, do nothing: nobody gets this address without you.',
      },
    }),
    accountExists: (brand: string): MailWords => ({
      subject: `You have an account at ${brand} already`,
      paragraphs: [
        `Somebody, you we hope, wanted to use this address for an account at ${brand}. There is one already, and it stays as it is.`,
        'Sign in with it. If you have forgotten the password, you can set a new one from the page where you sign in. If it was not you, do nothing.',
      ],
      action: { label: 'Go to your account', note: '' },
    }),
    addressChanged: (brand: string): MailWords => ({
      subject: `Your email address at ${brand} has been changed`,
      paragraphs: [
        `The account at ${brand} that had this address has another one now, and mails go there.`,
        `If it was not you, tell ${brand} at once.`,
      ],
    }),
    passwordChanged: (brand: string): MailWords => ({
      subject: `Your password at ${brand} has been changed`,
      paragraphs: [
        `The password of your account at ${brand} has been changed, and other devices were signed out.`,
        'If it was not you, set a new one from the page where you sign in, at once.',
      ],
    }),
  },
} as const;
