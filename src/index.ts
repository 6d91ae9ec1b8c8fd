export { type AimdOptions, aimd } from './algorithms/aimd.ts';
export { allOf } from './algorithms/all-of.ts';
export {
  type Backoff,
  type ConstantOptions,
  constant,
  type DecorrelatedOptions,
  decorrelated,
  type ExponentialOptions,
  equalJitter,
  exponential,
  type FibonacciOptions,
  fibonacci,
  fullJitter,
  type Jitter,
  jitter,
  type LinearOptions,
  linear,
  noJitter,
} from './algorithms/backoff.ts';
export { type BoundedLoads, type BoundedLoadsOptions, boundedLoads } from './algorithms/bounded-loads.ts';
export type { BucketOptions } from './algorithms/bucket.ts';
export {
  type Budget,
  type ConcurrentRetryBudgetOptions,
  concurrentRetryBudget,
  type RetryBudgetOptions,
  type RetryThrottleOptions,
  retryBudget,
  retryThrottle,
} from './algorithms/budgets.ts';
export type { Cache, CacheOptions, CacheStats, EntryOptions, RemovalReason } from './algorithms/cache.ts';
export type { CircuitSnapshot } from './algorithms/circuit-states.ts';
export { type CodelOptions, codel } from './algorithms/codel.ts';
export { FifoCache } from './algorithms/fifo-cache.ts';
export { fixedWindow } from './algorithms/fixed-window.ts';
export { follyCodel } from './algorithms/folly-codel.ts';
export { gcra } from './algorithms/gcra.ts';
export { type GradientOptions, gradient } from './algorithms/gradient.ts';
export { HashRing, type HashRingOptions } from './algorithms/hash-ring.ts';
export { jumpHash } from './algorithms/jump-hash.ts';
export { type KeyedGcraOptions, keyedGcra } from './algorithms/keyed-gcra.ts';
export { type LeakyBucketOptions, leakyBucket } from './algorithms/leaky-bucket.ts';
export { LfuCache, type LfuCacheOptions } from './algorithms/lfu-cache.ts';
export type { Limit, LimitOptions, MeasuredLimitOptions } from './algorithms/limit.ts';
export { LruCache } from './algorithms/lru-cache.ts';
export { MaglevTable, type MaglevTableOptions } from './algorithms/maglev-table.ts';
export type { KeyedMeter, Meter, MeterLimits, Reservation } from './algorithms/meter.ts';
export { type Move, moved, moves } from './algorithms/moves.ts';
export { type OutlierEjectionEvent, type OutlierEjectionOptions, outlierEjection } from './algorithms/outlier.ts';
export { type PhiAccrual, type PhiAccrualOptions, phiAccrual } from './algorithms/phi.ts';
export { leastConnections, powerOfTwoChoices, roundRobin, uniformRandom } from './algorithms/pick.ts';
export { consistentHash } from './algorithms/pick-hash.ts';
export { type LatencyOptions, leastLoaded, peakEwma } from './algorithms/pick-latency.ts';
export { weightedRoundRobin } from './algorithms/pick-weighted.ts';
export type { Placement, PlacementKey, PlacementNode } from './algorithms/placement.ts';
export {
  type QuotaPolicy,
  type RateLimitFields,
  rateLimitHeaders,
  type ServiceLimit,
} from './algorithms/rate-limit-headers.ts';
export { RendezvousHash, type RendezvousHashOptions } from './algorithms/rendezvous-hash.ts';
export { S3FifoCache } from './algorithms/s3fifo-cache.ts';
export type { OverloadDetector, ShedOrder, ShedReason } from './algorithms/shed-queue.ts';
export { SieveCache } from './algorithms/sieve-cache.ts';
export { slidingLog } from './algorithms/sliding-log.ts';
export { slidingWindow } from './algorithms/sliding-window.ts';
export { slotOf } from './algorithms/slot-of.ts';
export { subset } from './algorithms/subset.ts';
export { TinyLfuCache } from './algorithms/tinylfu-cache.ts';
export { tokenBucket } from './algorithms/token-bucket.ts';
export {
  anyOf,
  consecutiveFailures,
  failureRatio,
  type RatioOptions,
  type SlowCallOptions,
  slowCallRatio,
  type TripMemory,
  type TripRule,
} from './algorithms/trip-rules.ts';
export { type VegasOptions, vegas } from './algorithms/vegas.ts';
export { type WarmUpOptions, warmUp } from './algorithms/warm-up.ts';
export type { WindowMeterOptions } from './algorithms/window-meter.ts';
export type { WindowSize } from './algorithms/windows.ts';
export { type DrainOptions, drain } from './compositions/drain.ts';
export {
  type Failover,
  type FailoverEvent,
  type FailoverOptions,
  failover,
  type SwitchOptions,
} from './compositions/failover.ts';
export { type HealthCheckEvent, type HealthCheckOptions, healthCheck } from './compositions/health-check.ts';
export { type HeartbeatOptions, heartbeat } from './compositions/heartbeat.ts';
export { type LintNote, type LintOptions, lint } from './compositions/lint.ts';
export {
  type Balancer,
  type LoadBalancerEvent,
  type LoadBalancerOptions,
  loadBalancer,
} from './compositions/load-balancer.ts';
export {
  type LoadThrough,
  type LoadThroughEvent,
  type LoadThroughOptions,
  loadThrough,
} from './compositions/load-through.ts';
export { type Memoized, type MemoizeOptions, memoize } from './compositions/memoize.ts';
export { type PerKey, type PerKeyOptions, perKey } from './compositions/per-key.ts';
export { type Replicas, type ReplicasEvent, type ReplicasOptions, replicas } from './compositions/replicas.ts';
export {
  type ReshardOptions,
  type ReshardProgress,
  type Sharding,
  type ShardingOptions,
  sharding,
} from './compositions/sharding.ts';
export {
  type ShuffleShard,
  type ShuffleShardEvent,
  type ShuffleShardOptions,
  shuffleShard,
} from './compositions/shuffle-shard.ts';
export {
  type StandardEvent,
  type StandardHedgingOptions,
  type StandardOptions,
  type StandardPipelineOptions,
  standardHedging,
  standardPipeline,
} from './compositions/standard.ts';
export { type Supervised, type SuperviseEvent, type SuperviseOptions, supervise } from './compositions/supervise.ts';
export { type Attempt, attemptsOf, type DelayReason, type StopReason } from './core/attempts.ts';
export { type Clock, systemClock } from './core/clock.ts';
export { crc16, crc32 } from './core/crc.ts';
export {
  AbandonedError,
  BulkheadFullError,
  CircuitOpenError,
  ConcurrencyLimitedError,
  type ErrorDetails,
  NoTargetError,
  RateLimitedError,
  RejectedError,
  ShedError,
  TimeoutError,
} from './core/errors.ts';
export { type EventLoopDelayOptions, eventLoopDelay } from './core/event-loop-delay.ts';
export { type Listener, onListenerError } from './core/events.ts';
export { fnv1a, murmur3 } from './core/hash.ts';
export type { Health } from './core/health.ts';
export { held } from './core/held.ts';
export type { Keyed } from './core/keyed.ts';
export type { Answer, Call, Guard, Recovery } from './core/layer.ts';
export type { Classify, Outcome, Verdict } from './core/outcome.ts';
export { guard, pipeline, recovery } from './core/pipeline.ts';
export type { AddedOf, CallOptions, Context, Milliseconds, Policy, Task } from './core/policy.ts';
export type { Random } from './core/random.ts';
export type { Endpoint, PickCall, Picker, Router, Target } from './core/router.ts';
export { wrap } from './core/wrap.ts';
export type { PendingWrite, WriteBehindOptions } from './core/write-buffer.ts';
export { xxhash32, xxhash64 } from './core/xxhash.ts';
export { type Bulkhead, type BulkheadEvent, type BulkheadOptions, bulkhead } from './policies/bulkhead.ts';
export { type CacheEvent, type CachePolicy, type CachePolicyOptions, cache } from './policies/cache.ts';
export {
  type CircuitBreaker,
  type CircuitBreakerEvent,
  type CircuitBreakerOptions,
  type CircuitBreakerState,
  circuitBreaker,
  type Isolation,
} from './policies/circuit-breaker.ts';
export { type Coalesce, type CoalesceEvent, type CoalesceOptions, coalesce } from './policies/coalesce.ts';
export {
  type ConcurrencyLimit,
  type ConcurrencyLimitEvent,
  type ConcurrencyLimitOptions,
  concurrencyLimit,
  type LimitPartition,
} from './policies/concurrency-limit.ts';
export {
  type Degradation,
  type DegradationEvent,
  type DegradationOptions,
  degradation,
  type LoadSignal,
} from './policies/degradation.ts';
export { type FallbackEvent, type FallbackOptions, fallback } from './policies/fallback.ts';
export { type Hedge, type HedgeEvent, type HedgeOptions, hedge, type LiveDelay } from './policies/hedge.ts';
export { type RateLimit, type RateLimitEvent, type RateLimitOptions, rateLimit } from './policies/rate-limit.ts';
export { type RetryEvent, type RetryOptions, retry } from './policies/retry.ts';
export { type Shed, type ShedEvent, type ShedOptions, shed } from './policies/shed.ts';
export { type Throttle, type ThrottleEvent, type ThrottleOptions, throttle } from './policies/throttle.ts';
export { type ThrottleStreamOptions, throttleStream } from './policies/throttle-stream.ts';
export { type TimeoutEvent, type TimeoutOptions, timeout } from './policies/timeout.ts';
