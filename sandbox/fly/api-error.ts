/** An answer other than success: the HTTP status and the JSON body the Machines API gives with it. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: object;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: object, headers: Readonly<Record<string, string>> = {}) {
    super(`HTTP ${status}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** The common shape of the spec's ErrorResponse. */
export function refusal(status: number, error: string): ApiError {
  return new ApiError(status, { error, status: 'unknown' });
}
