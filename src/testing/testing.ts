export { ManualClock, type ManualClockOptions } from './manual-clock.ts';
export { seededRandom } from './seeded-random.ts';
