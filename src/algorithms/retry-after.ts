import { systemClock } from '../core/clock.ts';
import type { Milliseconds } from '../core/policy.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** IMF-fixdate, and the two obsolete forms that a recipient must still accept: RFC 850's and that of asctime(). */
const forms = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>\w{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>\w{3})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>\w{3}) (?<day>\d\d| \d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
];

/**
 * How long a server asks to wait, in milliseconds: what the headers of a response say, or the value of `Retry-After`
 * by itself. Whole seconds, 2^53 - 1 at most, or a date in any form of HTTP; one that has passed gives 0. `undefined` for
 * anything else. Of several fields the first counts. A date is judged against the response's own `Date`, where there is one,
 * since the server's clock may differ from ours.
 *
 * Source: RFC 9110, sections 10.2.3 and 5.6.7.
 *
 * @param options `now`: our own time in milliseconds since 1970, by default the system's; `date`: the value of `Date`,
 * beside a value by itself
 */
export function parseRetryAfter(
  value: { get(name: string): string | null } | string | null | undefined,
  options: { now?: Milliseconds | undefined; date?: string | null | undefined } = {},
): Milliseconds | undefined {
  const headers = typeof value === 'object' ? value : undefined;
  const first = firstOf(headers ? headers.get('retry-after') : (value as string | null | undefined));
  if (/^\d+$/.test(first)) return Math.min(Number(first), Number.MAX_SAFE_INTEGER) * 1_000;
  const { now = systemClock.wall(), date = headers?.get('date') } = options;
  const until = httpDate(first, now);
  return until === undefined ? undefined : Math.max(until - (httpDate(firstOf(date), now) ?? now), 0);
}

/** A field sent several times arrives joined by commas, and a date has a comma of its own behind the day. */
function firstOf(value: string | null | undefined): string {
  // Word by word: a lazy pattern would be busy for a second with ten thousand blanks of a hostile server's.
  return /^[ \t]*((?:[a-z]+, )?[^ \t,]*(?:[ \t]+[^ \t,]+)*)/i.exec(value ?? '')?.[1] ?? '';
}

/**
 * A date of HTTP in any of its three forms, in milliseconds since 1970; `undefined` for anything else, and for a day or
 * time that no calendar has. That the day of the week fits the date is not asked.
 *
 * Source: RFC 9110, section 5.6.7.
 *
 * @param now decides the century where the year has two digits
 */
export function httpDate(text: string, now: Milliseconds): Milliseconds | undefined {
  for (const form of forms) {
    const { day, month, year, time } = form.exec(text)?.groups ?? {};
    if (time === undefined) continue;
    const read = (of: number): Milliseconds | undefined => at(of, months.indexOf(month as string), Number(day), time);
    return (year as string).length === 4 ? read(Number(year)) : read(century(Number(year), now, read));
  }
  return undefined;
}

/** Of the years that end in two digits, the latest that puts the date at most fifty years into the future. */
function century(digits: number, now: Milliseconds, read: (year: number) => Milliseconds | undefined): number {
  const limit = new Date(now);
  limit.setUTCFullYear(limit.getUTCFullYear() + 50);
  const year = limit.getUTCFullYear() - (limit.getUTCFullYear() % 100) + digits;
  return year > limit.getUTCFullYear() || Number(read(year)) > limit.getTime() ? year - 100 : year;
}

function at(year: number, month: number, day: number, time: string): Milliseconds | undefined {
  const [hour, minute, second] = time.split(':').map(Number) as [number, number, number];
  // A minute of 61 seconds ends only a day.
  const seconds = hour === 23 && minute === 59 ? 60 : 59;
  if (month < 0 || hour > 23 || minute > 59 || second > seconds) return undefined;
  const date = new Date(0);
  // Unlike Date.UTC, which puts the years up to 99 into the twentieth century.
  date.setUTCFullYear(year, month, day);
  // A day that the month has not turns into one of the next month.
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return date.setUTCHours(hour, minute, second);
}
