/**
 * Calls servers from a process of its own, and says what it has got: then nothing must keep it alive.
 */
import { outlierEjection } from '../../src/algorithms/outlier.ts';
import { healthCheck } from '../../src/compositions/health-check.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';

const targets: { name: string; url: string }[] = JSON.parse(process.argv[2] as string);
const health = healthCheck({
  targets,
  check: async ({ url }, { signal }) => (await fetch(`${url}/health`, { signal })).ok,
  interval: 50,
  timeout: 100,
});
const nodes = loadBalancer({ targets, health: [health, outlierEjection({ ejection: 200 })] });
const policy = pipeline(
  timeout({ duration: Number(process.argv[3]) }),
  retry({ maxAttempts: Infinity, backoff: () => 20, classify: ({ ok }) => (ok ? 'success' : 'failure') }),
  timeout({ duration: 200 }),
);
health.start();
const route = nodes.route(async ({ url }, { signal }) => (await fetch(`${url}/work`, { signal })).text());
const outcomes = await Promise.all(
  Array.from({ length: 20 }, () =>
    policy.execute(route).then(
      () => 'answer',
      () => 'no answer',
    ),
  ),
);
health[Symbol.dispose]();
nodes[Symbol.dispose]();
console.log([...new Set(outcomes)].join());
