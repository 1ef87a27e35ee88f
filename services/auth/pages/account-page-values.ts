type Moment = { readonly iso: string; readonly text: string };

/** Fields of the account page that may be wrong; also their names in its forms. */
export type AccountField = 'name' | 'newEmail' | 'emailPassword' | 'currentPassword' | 'newPassword';

/** What the account page shows. */
export type AccountPageValues = {
  readonly csrf: string;
  readonly base: string;
  readonly account: {
    readonly email: string;
    readonly emailVerified: boolean;
    readonly name: string;
  };
  /** What was typed and has to be typed again but for that. */
  readonly newEmail: string;
  readonly passwordMinimumLength: number;
  readonly sendsMail: boolean;
  /** Newest first. */
  readonly sessions: readonly {
    readonly uid: string;
    readonly isCurrent: boolean;
    /** Such as "Firefox on Windows", when it is known. */
    readonly device: string | undefined;
    readonly usedAt: Moment | undefined;
    readonly since: Moment;
    readonly applications: readonly string[];
  }[];
  readonly applications: readonly {
    readonly clientId: string;
    readonly name: string;
    readonly since: Moment;
    readonly scopes: readonly string[];
  }[];
  readonly notice: string | undefined;
  readonly alert: string | undefined;
  readonly errors: Readonly<Partial<Record<AccountField, string>>>;
  readonly signOutPage: string;
};
