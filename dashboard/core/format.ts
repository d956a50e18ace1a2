/** Figures as people read them. What is not known is a dash, never a zero. */

/** Shown for what is not known. */
export const UNKNOWN = "–";

const count = new Intl.NumberFormat("en");
const digits = [0, 1, 2, 3].map(
  (places) =>
    new Intl.NumberFormat("en", { maximumFractionDigits: places, minimumFractionDigits: places }),
);

function withPlaces(value: number, places: 0 | 1 | 2 | 3): string {
  return digits[places]?.format(value) ?? String(value);
}

export function formatCount(value: number | null): string {
  return value === null ? UNKNOWN : count.format(Math.round(value));
}

/** A rate per second, without its unit: 0.25, 8.4, 132, 12.3k. */
export function formatRate(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (value === 0) return "0";
  if (value < 1) return withPlaces(value, 2);
  if (value < 100) return withPlaces(value, 1);
  return value < 10_000 ? withPlaces(value, 0) : `${withPlaces(value / 1000, 1)}k`;
}

/** A share of 0 to 1. Never rounds to none or all what is not. */
export function formatShare(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (value === 0 || value === 1) return `${value * 100}%`;
  const percent = value * 100;
  if (percent < 0.01) return "<0.01%";
  if (percent > 99.99) return ">99.99%";
  if (percent < 1) return `${withPlaces(percent, 2)}%`;
  return `${withPlaces(percent, percent < 10 || percent > 99 ? 1 : 0)}%`;
}

/** Milliseconds with a unit: 0.8 ms, 12 ms, 1.25 s, 2.1 min. */
export function formatMs(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (value === 0) return "0 ms";
  if (value < 10) return `${withPlaces(value, value < 1 ? 2 : 1)} ms`;
  if (value < 1000) return `${withPlaces(value, 0)} ms`;
  if (value < 60_000) return `${withPlaces(value / 1000, 2)} s`;
  return `${withPlaces(value / 60_000, 1)} min`;
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

export function formatBytes(value: number | null): string {
  if (value === null) return UNKNOWN;
  let [scaled, unit] = [value, 0];
  while (scaled >= 1000 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${withPlaces(scaled, unit > 0 && scaled < 10 ? 1 : 0)} ${BYTE_UNITS[unit]}`;
}

/** Cores of CPU, as a share of one: 3.2%, 140%. */
export function formatCores(value: number | null): string {
  if (value === null) return UNKNOWN;
  return `${withPlaces(value * 100, value < 0.1 ? 1 : 0)}%`;
}

const AGES = [
  // Below two of them days say more.
  [2 * 365 * 86_400, "y"],
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** How long: 42 s, 3 min, 5 h, 12 d. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  const [size, unit] = AGES.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / (unit === "y" ? size / 2 : size))} ${unit}`;
}

/** How long ago an instant was. */
export function formatAge(iso: string, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - Date.parse(iso)) / 1000);
  return seconds < 5 ? "just now" : `${formatDuration(seconds)} ago`;
}

const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const dayAndClock = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const preciseClock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/** The time of day, to the second. */
export function formatTime(iso: string): string {
  return clock.format(new Date(iso));
}

/** The time of day, to the millisecond. */
export function formatPreciseTime(iso: string): string {
  return preciseClock.format(new Date(iso));
}

/** Day and time, to the minute. */
export function formatDate(iso: string): string {
  return dayAndClock.format(new Date(iso));
}

/** A sentence of the API as people read it: instants in it (ISO 8601) as dates of theirs. */
export function formatSentence(text: string): string {
  return text.replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => formatDate(time));
}

/** The same of a name with its namespace in front. */
export function shortName(name: string): string {
  return name.startsWith("default/") ? name.slice("default/".length) : name;
}

/** `default/catalog`, without the namespace that everything is in. */
export function serviceName({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): string {
  return namespace === "default" || namespace === "" ? name : `${namespace}/${name}`;
}
