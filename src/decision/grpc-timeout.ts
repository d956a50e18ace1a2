/** The deadline of a call of gRPC as its `grpc-timeout` field says it: the protocol's `Timeout`. */

/** A value has at most eight digits. */
const DIGITS_MAX = 8;
const VALUE_MAX = 10 ** DIGITS_MAX - 1;

/** Milliseconds, parts of one rounded up; undefined for what is no `Timeout`. */
export function parseGrpcTimeout(text: string): number | undefined {
  const digits = text.length - 1;
  if (digits < 1 || digits > DIGITS_MAX) return undefined;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
  }
  switch (text[digits]) {
    case "H":
      return value * 3_600_000;
    case "M":
      return value * 60_000;
    case "S":
      return value * 1000;
    case "m":
      return value;
    case "u":
      return Math.ceil(value / 1e3);
    case "n":
      return Math.ceil(value / 1e6);
    default:
      return undefined;
  }
}

/** In the finest unit, from milliseconds on, that has room for it. */
export function formatGrpcTimeout(ms: number): string {
  let value = Math.trunc(ms);
  if (value <= VALUE_MAX) return `${value}m`;
  value = Math.trunc(value / 1000);
  if (value <= VALUE_MAX) return `${value}S`;
  value = Math.trunc(value / 60);
  if (value <= VALUE_MAX) return `${value}M`;
  return `${Math.min(VALUE_MAX, Math.trunc(value / 60))}H`;
}
