import { z } from 'zod';
import type { RegistrationRefusal } from '../accounts/registration.ts';
import { texts } from '../pages/texts.ts';

// A field that was sent twice is an array, and one that was left out is missing: neither comes from our pages.
const text = z.string().max(4096).catch('');

export const signInFormSchema = z.object({ email: text, password: text });
export const forgotFormSchema = z.object({ email: text });
export const registerFormSchema = z.object({ email: text, password: text, name: text });

export type FieldErrors<Field extends string> = Partial<Record<Field, string>>;

/** Empty when the form can be tried. */
export const decideSignInErrors = (form: z.infer<typeof signInFormSchema>): FieldErrors<'email' | 'password'> => ({
  ...(form.email.trim() === '' && { email: texts.fieldErrors.emailRequired }),
  ...(form.password === '' && { password: texts.fieldErrors.passwordRequired }),
});

/** What a name is stored as; undefined for none. */
export const parseName = (typed: string): { ok: true; name: string | undefined } | { ok: false } => {
  const name = typed.trim().normalize('NFC');
  if (name === '') return { ok: true, name: undefined };
  return [...name].length > 100 || /\p{Cc}/u.test(name) ? { ok: false } : { ok: true, name };
};

/** The error beside its field for a registration that was refused. */
export const describeRefusal = (
  refusal: RegistrationRefusal,
  { email, password }: { email: string; password: string },
  passwordMinimumLength: number,
): FieldErrors<'email' | 'password'> => {
  if (refusal.field === 'email') {
    return { email: email.trim() === '' ? texts.fieldErrors.emailRequired : texts.fieldErrors.emailInvalid };
  }
  if (password === '') return { password: texts.fieldErrors.passwordRequired };
  return { password: texts.passwordRefusals(passwordMinimumLength)[refusal.reason] };
};
