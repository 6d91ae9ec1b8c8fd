export { ManualClock, type ManualClockOptions } from './manual-clock.ts';
export { type FastCheck, type PolicyLaw, type PolicyLawsOptions, policyLaws } from './policy-laws.ts';
export { seededRandom } from './seeded-random.ts';
export { simulate } from './simulate.ts';
export type {
  SimulationClient,
  SimulationEvent,
  SimulationOptions,
  SimulationResult,
  SimulationSecond,
  SimulationServer,
} from './simulation.ts';
