export { parseRetryAfter } from '../algorithms/retry-after.ts';
export { isTransient } from '../algorithms/transient.ts';
export type { ForeignFetch, ResilientFetchEvent } from '../compositions/guarded-fetch.ts';
export { HttpError } from '../core/http-error.ts';
export {
  type BalancedFetch,
  type BalancedFetchEvent,
  type BalancedFetchOptions,
  type Balancing,
  balancedFetch,
  type Origin,
  type OriginCheck,
  type OriginOption,
} from './balanced-fetch.ts';
export { type ResilientFetchOptions, resilientFetch } from './resilient-fetch.ts';
