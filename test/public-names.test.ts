import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import * as dns from '../src/adapters/dns.ts';
import * as fetch from '../src/adapters/fetch.ts';
import * as httpCache from '../src/adapters/http-cache.ts';
import * as holdfast from '../src/index.ts';
import * as testing from '../src/testing/testing.ts';

/** The types an entry names: those of its own, and those it passes on. */
function types(entry: string): string[] {
  const code = readFileSync(new URL(`../src/${entry}`, import.meta.url), 'utf8');
  const own = [...code.matchAll(/^export (?:interface|type) (\w+)/gm)].map((match) => match[1]);
  const passedOn = [...code.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type, names = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && (type !== undefined || name.startsWith('type ')))
      .map((name) => name.replace(/^type /, '')),
  );
  return [...own, ...passedOn].map(String).sort();
}

function words(list: string): string[] {
  return list.trim().split(/\s+/).sort();
}

test('holdfast exports these names', () => {
  assert.deepEqual(
    Object.keys(holdfast).sort(),
    words(`
      pipeline wrap guard recovery held systemClock onListenerError
      retry constant linear exponential fibonacci decorrelated fullJitter equalJitter noJitter jitter
      retryBudget concurrentRetryBudget retryThrottle attemptsOf fallback hedge
      timeout
      circuitBreaker consecutiveFailures failureRatio slowCallRatio anyOf bulkhead
      tokenBucket gcra keyedGcra allOf fixedWindow slidingLog slidingWindow leakyBucket warmUp throttleStream
      rateLimit rateLimitHeaders
      concurrencyLimit aimd vegas gradient
      shed codel follyCodel throttle
      LruCache FifoCache LfuCache SieveCache S3FifoCache TinyLfuCache
      coalesce cache memoize
      HashRing RendezvousHash MaglevTable jumpHash slotOf boundedLoads moves moved
      murmur3 xxhash32 xxhash64 fnv1a crc16 crc32
      degradation eventLoopDelay
      loadBalancer leastLoaded roundRobin weightedRoundRobin leastConnections powerOfTwoChoices peakEwma
      uniformRandom consistentHash subset healthCheck heartbeat phiAccrual outlierEjection failover supervise drain replicas sharding
      perKey shuffleShard loadThrough lint standardPipeline standardHedging
      RejectedError CircuitOpenError BulkheadFullError RateLimitedError ConcurrencyLimitedError ShedError NoTargetError
      TimeoutError AbandonedError
    `),
  );
});

test('holdfast exports these types', () => {
  assert.deepEqual(
    types('index.ts'),
    words(`
      AddedOf CallOptions Context Milliseconds Policy Task Keyed Router Target Endpoint Picker PickCall Health Balancer LoadBalancerEvent LoadBalancerOptions LatencyOptions
      HealthCheckEvent HealthCheckOptions HeartbeatOptions PhiAccrual PhiAccrualOptions OutlierEjectionEvent OutlierEjectionOptions
      Clock Random Listener ErrorDetails
      Outcome Verdict Classify Guard Recovery Answer Call
      RetryOptions RetryEvent Attempt DelayReason StopReason
      Backoff ConstantOptions LinearOptions ExponentialOptions FibonacciOptions DecorrelatedOptions Jitter
      Cache CacheOptions LfuCacheOptions CacheStats EntryOptions RemovalReason
      Budget RetryBudgetOptions ConcurrentRetryBudgetOptions RetryThrottleOptions
      FallbackOptions FallbackEvent
      Hedge HedgeOptions HedgeEvent LiveDelay
      TimeoutOptions TimeoutEvent
      ConcurrencyLimit ConcurrencyLimitOptions ConcurrencyLimitEvent LimitPartition
      Limit LimitOptions MeasuredLimitOptions AimdOptions VegasOptions GradientOptions
      CircuitBreaker CircuitBreakerOptions CircuitBreakerEvent CircuitBreakerState CircuitSnapshot Isolation
      TripRule TripMemory RatioOptions SlowCallOptions WindowSize
      Bulkhead BulkheadOptions BulkheadEvent
      BucketOptions KeyedGcraOptions WindowMeterOptions LeakyBucketOptions WarmUpOptions ThrottleStreamOptions
      Shed ShedOptions ShedEvent ShedOrder ShedReason OverloadDetector CodelOptions Throttle ThrottleOptions ThrottleEvent
      RateLimit RateLimitOptions RateLimitEvent RateLimitFields QuotaPolicy ServiceLimit Meter MeterLimits Reservation KeyedMeter
      Coalesce CoalesceOptions CoalesceEvent
      CachePolicy CachePolicyOptions CacheEvent Memoized MemoizeOptions
      Degradation DegradationOptions DegradationEvent LoadSignal EventLoopDelayOptions
      LoadThrough LoadThroughOptions LoadThroughEvent WriteBehindOptions PendingWrite
      PerKey PerKeyOptions ShuffleShard ShuffleShardOptions ShuffleShardEvent LintNote LintOptions
      Failover FailoverEvent FailoverOptions SwitchOptions SuperviseEvent SuperviseOptions Supervised DrainOptions ReplicasEvent ReplicasOptions Replicas
      ShardingOptions Sharding ReshardOptions ReshardProgress
      Placement PlacementKey PlacementNode HashRingOptions RendezvousHashOptions MaglevTableOptions
      BoundedLoads BoundedLoadsOptions Move
      StandardOptions StandardPipelineOptions StandardHedgingOptions StandardEvent
    `),
  );
});

test('holdfast/dns exports these names and types', () => {
  assert.deepEqual(Object.keys(dns).sort(), words('dnsTargets'));
  assert.deepEqual(
    types('adapters/dns.ts'),
    words('DnsEvent DnsQuestion DnsRecord DnsTarget DnsTargetsOptions TargetSet TargetSource'),
  );
});

test('holdfast/fetch exports these names and types', () => {
  assert.deepEqual(
    Object.keys(fetch).sort(),
    words('resilientFetch balancedFetch isTransient parseRetryAfter HttpError'),
  );
  assert.deepEqual(
    types('adapters/fetch.ts'),
    words(`
      ForeignFetch ResilientFetchEvent ResilientFetchOptions
      BalancedFetch BalancedFetchEvent BalancedFetchOptions Balancing Origin OriginCheck OriginOption
    `),
  );
});

test('holdfast/http-cache exports these names and types', () => {
  assert.deepEqual(Object.keys(httpCache).sort(), words('cachingFetch'));
  assert.deepEqual(types('adapters/http-cache.ts'), words('CachingFetchEvent CachingFetchOptions'));
});

test('holdfast/testing exports these names and types', () => {
  assert.deepEqual(Object.keys(testing).sort(), words('ManualClock seededRandom policyLaws simulate'));
  assert.deepEqual(
    types('testing/testing.ts'),
    words(`
      FastCheck ManualClockOptions PolicyLaw PolicyLawsOptions
      SimulationOptions SimulationServer SimulationClient SimulationEvent SimulationResult SimulationSecond
    `),
  );
});
