export { ManualClock, type ManualClockOptions } from './manual-clock.ts';
export { type FastCheck, type PolicyLaw, type PolicyLawsOptions, policyLaws } from './policy-laws.ts';
export { seededRandom } from './seeded-random.ts';
