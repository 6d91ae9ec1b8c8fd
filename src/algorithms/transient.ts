import { TimeoutError } from '../core/errors.ts';

/** Request timeout, too early, too many requests, and the server's own troubles that come and go. */
const statuses: readonly unknown[] = [408, 425, 429, 500, 502, 503, 504];

/** System errors of a connection, and the names undici and Bun have for them. */
const codes =
  /^(?:ECONN(?:RESET|REFUSED|ABORTED)|E(?:HOST|NET)(?:UNREACH|DOWN)|ENETRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|UND_ERR_(?:SOCKET|CLOSED|(?:CONNECT|HEADERS|BODY)_TIMEOUT)|Connection(?:Refused|Closed|Reset)|FailedToOpenSocket)$/;

/** How the network errors of Node, Chromium, Firefox, Safari, Deno and Bun begin: the standard leaves it to each. */
const openings =
  /^(?:fetch failed|Failed to fetch|NetworkError when|Load failed|The network connection was lost|error sending request|Unable to connect)/i;

interface Clues {
  readonly retryable?: unknown;
  readonly status?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: { readonly code?: unknown } | null;
}

/**
 * Whether the same request may well succeed a little later: a response with status 408, 425, 429, 500, 502, 503 or 504,
 * an `HttpError` with one, a timeout, or an error of the network. An error with `retryable` has said so itself.
 *
 * Whether the request may be sent again is another question: this looks at the answer alone.
 *
 * To `fetch` an error of the network is a `TypeError`, as bad input and a fault in the program are. It is told by the
 * code of what caused it, where the run time says that, and otherwise by how its message begins.
 */
export function isTransient(answer: unknown): boolean {
  if (Object(answer) !== answer) return false;
  const { retryable, status, name, message } = answer as Clues;
  if (typeof retryable === 'boolean') return retryable;
  if (typeof status === 'number') return statuses.includes(status);
  if (answer instanceof TimeoutError || name === 'TimeoutError') return true;
  const code = codeOf(answer as Clues);
  return codes.test(code) || (isFromFetch(answer) && openings.test(String(message)));
}

/** Whether it can be an error of the network, given that a `fetch` of sound input threw it: most engines tell no more. */
export function isFromFetch(error: unknown): boolean {
  return (error as Clues | null | undefined)?.name === 'TypeError' && !codeOf(error as Clues).startsWith('ERR_');
}

function codeOf({ code, cause }: Clues): string {
  return String(cause?.code ?? code ?? '');
}
