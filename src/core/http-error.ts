import { type ErrorDetails, HoldfastError } from './errors.ts';

/** A response that says no. Its body has not been read: read it, or cancel it. */
export class HttpError extends HoldfastError {
  declare readonly response: Response;
  declare readonly status: number;
  /** Whether the same request may be sent again: the trouble may pass, and sending it twice does no harm. */
  declare readonly retryable: boolean;

  constructor(details: ErrorDetails & { response: Response; retryable: boolean }) {
    super('ERR_HTTP', details);
    this.response = details.response;
    this.status = details.response.status;
    this.retryable = details.retryable;
  }

  get 'holdfast:kind'(): string {
    return 'HttpError';
  }
}
