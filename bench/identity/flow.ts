/** One caller of a flow: each call is one request of an application, or one whole sign-in. Throws when it is refused. */
export type Caller = () => Promise<void>;

export const flowNames = ['client_credentials', 'refresh', 'introspection', 'sign_in'] as const;
export type FlowName = (typeof flowNames)[number];

/** A flow that is measured. `prepare` makes its callers; nothing of that is counted. */
export type Flow = { readonly name: FlowName; prepare(callers: number): Promise<Caller[]> };

/** A server whose flows are measured, with everything that it runs on. */
export type Subject = {
  readonly flows: readonly Flow[];
  /** CPU that each of its processes has used so far, s; with PostgreSQL's, where it uses that. */
  usage(): Promise<Readonly<Record<string, number>>>;
};

/** 0 to `count` - 1. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);
