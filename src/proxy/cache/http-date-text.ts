/** HTTP-date (RFC 9110 section 5.6.7): the form that is sent, and the two that old peers may send. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Sun, 06 Nov 1994 08:49:37 GMT`. */
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
/** `Sunday, 06-Nov-94 08:49:37 GMT`. */
const RFC_850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
/** `Sun Nov  6 08:49:37 1994`. */
const ASCTIME =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/** Milliseconds since the epoch, or undefined for anything else. `nowMs` tells the century of two digits. */
export function parseHttpDate(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) {
    const [, day, month, year, hour, minute, second] = fixed;
    return timeOf(year, month, day, hour, minute, second);
  }
  const old = RFC_850.exec(text);
  if (old !== null) {
    const [, day, month, digits, hour, minute, second] = old;
    return timeOf(fullYear(Number(digits), nowMs), month, day, hour, minute, second);
  }
  const [, month, day, hour, minute, second, year] = ASCTIME.exec(text) ?? [];
  return month === undefined ? undefined : timeOf(year, month, day, hour, minute, second);
}

/** RFC 9110 section 5.6.7: what would be more than 50 years ahead lies in the past. */
function fullYear(digits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + digits;
  return year > thisYear + 50 ? year - 100 : year;
}

function timeOf(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
  second: string | undefined,
): number | undefined {
  const index = MONTHS.indexOf(month ?? "");
  const [h, m, s, d] = [Number(hour), Number(minute), Number(second), Number(day)];
  if (index < 0 || h > 23 || m > 59 || s > 60 || d < 1 || d > 31) return undefined;
  return Date.UTC(Number(year), index, d, h, m, s);
}
