/** `Status.reason` of the Kubernetes API; a server may answer others than these. */
export type KubernetesErrorReason =
  | 'AlreadyExists'
  | 'BadRequest'
  | 'Conflict'
  | 'Expired'
  | 'Forbidden'
  | 'Gone'
  | 'InternalError'
  | 'Invalid'
  | 'MethodNotAllowed'
  | 'NotFound'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'TooManyRequests'
  | 'Unauthorized'
  | (string & {});

/** The API server refused: an answer of 400 and above, or an ERROR event of a watch. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  /** HTTP status. */
  readonly status: number;
  readonly reason: KubernetesErrorReason;
  /** When the server asks to wait before the next try. */
  readonly retryAfterSeconds: number | undefined;
  /** `Status.details.causes[].field`: the fields that an `Invalid` answer complains about. */
  readonly fields: readonly string[];

  constructor(options: {
    message: string;
    status: number;
    reason: KubernetesErrorReason;
    retryAfterSeconds?: number | undefined;
    fields?: readonly string[];
  }) {
    super(options.message);
    this.status = options.status;
    this.reason = options.reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.fields = options.fields ?? [];
  }
}

/** No answer came: connection refused, reset, timed out, TLS failed. A write may or may not have happened. */
export class KubernetesUnreachableError extends Error {
  override readonly name = 'KubernetesUnreachableError';
  /** `ECONNREFUSED`, `UND_ERR_HEADERS_TIMEOUT`, ... */
  readonly code: string;

  constructor(request: string, cause: unknown) {
    const code = errorCode(cause);
    super(`${request}: ${code}`, { cause });
    this.code = code;
  }
}

const errorCode = (cause: unknown): string => {
  if (!(cause instanceof Error)) return 'unknown';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
};

/** Whether `error` is an answer of the API server with this reason. */
export const hasReason = (error: unknown, reason: KubernetesErrorReason): error is KubernetesError =>
  error instanceof KubernetesError && error.reason === reason;

/** `error`; or where it says that the UID of an object cannot be changed, that another object than the one meant is there. */
export const asPrecondition = (error: unknown): unknown =>
  hasReason(error, 'Invalid') && error.fields.includes('metadata.uid')
    ? new KubernetesError({ message: error.message, status: 409, reason: 'Conflict' })
    : error;

// What an answer means when its body is no Status, for instance that of a proxy in between.
const reasonsByStatus: Readonly<Record<number, KubernetesErrorReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const record = (value: unknown): Record<string, unknown> =>
  // A non-null object can be read by any key; each value stays unknown.
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/**
 * Reads an error answer.
 * `confidential` leaves the server's message out: for a Secret it may quote what was sent.
 */
export const parseKubernetesError = (answer: {
  request: string;
  httpStatus: number;
  body: unknown;
  retryAfterHeader?: string | undefined;
  confidential: boolean;
}): KubernetesError => {
  const status = record(answer.body);
  const details = record(status['details']);
  const code = number(status['code']) ?? answer.httpStatus;
  const reason = text(status['reason']) ?? reasonsByStatus[code] ?? 'Unknown';
  const causes = Array.isArray(details['causes']) ? details['causes'] : [];
  const fields = causes.flatMap((cause) => text(record(cause)['field']) ?? []);
  const explanation = answer.confidential ? fields.join(', ') : (text(status['message']) ?? '');
  const header = Number.parseInt(answer.retryAfterHeader ?? '', 10);
  return new KubernetesError({
    message: `${answer.request}: ${code} ${reason}${explanation === '' ? '' : `: ${explanation}`}`,
    status: code,
    reason,
    retryAfterSeconds: Number.isNaN(header) ? number(details['retryAfterSeconds']) : header,
    fields,
  });
};
