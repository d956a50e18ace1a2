/** Times in log lines: ISO 8601, of which only the milliseconds are written anew within a second, and strftime's formats as Envoy has them. */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];
const DAY_MS = 86_400_000;
const NANOSECOND_DIGITS = 9;

/** `2026-01-02T03:04:05.678Z`. */
export class IsoTime {
  #second = Number.NaN;
  #text = "";

  at(ms: number): string {
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toISOString().slice(0, -4);
    }
    const rest = Math.floor(ms) - second * 1000;
    const zeros = rest < 10 ? "00" : rest < 100 ? "0" : "";
    return `${this.#text}${zeros}${rest}Z`;
  }
}

type TimePart = string | ((date: Date) => string);

const DIRECTIVE = /%(E\*S|E\d?S|E4Y|Ez|E\*z|[1-9]f|[a-zA-Z%])/g;

/** Compiles `%Y/%m/%dT%H:%M:%S%z`; times are UTC. `report` is told what it does not know. */
export function compileTime(
  format: string,
  report: (message: string) => void,
): (ms: number) => string {
  const parts: TimePart[] = [];
  let rest = 0;
  for (const match of format.matchAll(DIRECTIVE)) {
    parts.push(format.slice(rest, match.index));
    rest = match.index + match[0].length;
    const part = directive(match[1] ?? "");
    if (part === undefined) report(`%${match[1]} is not known in a time's format`);
    else parts.push(part);
  }
  parts.push(format.slice(rest));
  if (parts.some((part) => typeof part === "string" && part.includes("%"))) {
    report("a % in a time's format begins no directive; write %% for a percent sign");
  }
  return (ms) => {
    const date = new Date(ms);
    let text = "";
    for (const part of parts) text += typeof part === "string" ? part : part(date);
    return text;
  };
}

function directive(name: string): TimePart | undefined {
  const fraction = /^(?:E(\d)S|(\d)f)$/.exec(name);
  if (fraction !== null) {
    const [, withSeconds, alone] = fraction;
    const digits = Number(withSeconds ?? alone);
    if (alone !== undefined) return (date) => fractionOf(date, digits);
    return (date) =>
      `${two(date.getUTCSeconds())}${digits === 0 ? "" : `.${fractionOf(date, digits)}`}`;
  }
  return DIRECTIVES[name];
}

const DIRECTIVES: Readonly<Record<string, TimePart>> = {
  "%": "%",
  a: (date) => (DAYS[date.getUTCDay()] ?? "").slice(0, 3),
  A: (date) => DAYS[date.getUTCDay()] ?? "",
  b: (date) => (MONTHS[date.getUTCMonth()] ?? "").slice(0, 3),
  B: (date) => MONTHS[date.getUTCMonth()] ?? "",
  d: (date) => two(date.getUTCDate()),
  D: (date) =>
    `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${two(date.getUTCFullYear() % 100)}`,
  e: (date) => String(date.getUTCDate()).padStart(2),
  f: (date) => fractionOf(date, NANOSECOND_DIGITS),
  F: (date) => `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`,
  h: (date) => (MONTHS[date.getUTCMonth()] ?? "").slice(0, 3),
  H: (date) => two(date.getUTCHours()),
  I: (date) => two(date.getUTCHours() % 12 || 12),
  j: (date) => String(dayOfYear(date)).padStart(3, "0"),
  m: (date) => two(date.getUTCMonth() + 1),
  M: (date) => two(date.getUTCMinutes()),
  n: "\n",
  p: (date) => (date.getUTCHours() < 12 ? "AM" : "PM"),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => two(date.getUTCSeconds()),
  t: "\t",
  T: (date) =>
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`,
  y: (date) => two(date.getUTCFullYear() % 100),
  Y: (date) => String(date.getUTCFullYear()),
  z: "+0000",
  Z: "UTC",
  Ez: "+00:00",
  "E*z": "+00:00:00",
  E4Y: (date) => String(date.getUTCFullYear()).padStart(4, "0"),
  "E*S": (date) => `${two(date.getUTCSeconds())}${shortFraction(date)}`,
};

function fractionOf(date: Date, digits: number): string {
  return String(date.getUTCMilliseconds())
    .padStart(3, "0")
    .padEnd(NANOSECOND_DIGITS, "0")
    .slice(0, digits);
}

/** As many digits as there are. */
function shortFraction(date: Date): string {
  const ms = date.getUTCMilliseconds();
  return ms === 0 ? "" : `.${String(ms).padStart(3, "0").replace(/0+$/, "")}`;
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
