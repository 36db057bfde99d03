/** Points in time as Kubernetes writes them (RFC 3339), without the machine's clock and its Date. Milliseconds since 1970. */

const millisecondsPerDay = 86_400_000;
const pattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Parses an RFC 3339 time such as `2026-11-23T15:00:00Z`. @returns milliseconds, or undefined for anything else (a 31st of April, too). */
export function parseTime(text: string): number | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const day = dayOf(Number(found[1]), Number(found[2]), Number(found[3]));
  const [hour, minute, second] = [Number(found[4]), Number(found[5]), Number(found[6])];
  const offset = offsetOf(found);
  if (day === undefined || offset === undefined || hour > 23 || minute > 59 || second > 60) return undefined;
  return (
    day * millisecondsPerDay +
    ((hour * 60 + minute) * 60 + second) * 1000 +
    Number((found[7] ?? '').slice(0, 3).padEnd(3, '0')) -
    offset
  );
}

function dayOf(year: number, month: number, day: number): number | undefined {
  return month < 1 || month > 12 || day < 1 || day > daysIn(year, month)
    ? undefined
    : dayNumber(year, month, day);
}

/** East of Greenwich, in milliseconds. */
function offsetOf(found: RegExpExecArray): number | undefined {
  const [hours, minutes] = [Number(found[9] ?? 0), Number(found[10] ?? 0)];
  return hours > 23 || minutes > 59
    ? undefined
    : (hours * 60 + minutes) * (found[8] === '-' ? -60_000 : 60_000);
}

/** Writes a time as RFC 3339 in UTC, to the second (rounded down), as `creationTimestamp` is written. */
export function showTime(milliseconds: number): string {
  const days = Math.floor(milliseconds / millisecondsPerDay);
  const seconds = Math.floor((milliseconds - days * millisecondsPerDay) / 1000);
  const { year, month, day } = dateOf(days);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map(twoDigits)
    .join(':');
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}T${clock}Z`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days since 1970-01-01 in the Gregorian calendar. @see https://howardhinnant.github.io/date_algorithms.html days_from_civil */
function dayNumber(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468
  );
}

function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9);
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}
