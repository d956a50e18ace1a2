/** Figures to tables: medians with their spread, and ratios between proxies of the same round. */
import { PROXIES, type ProxyName, SCENARIO_TITLES, SCENARIOS, type ScenarioName } from "./names.ts";

/** One measurement: one scenario with one proxy under one load. Of a chain, both proxies together. */
export interface Sample {
  readonly scenario: ScenarioName;
  readonly proxy: ProxyName;
  readonly connections: number;
  readonly round: number;
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly idleMegabytes: number;
  readonly busyMegabytes: number;
  /** From the start of the process until it accepts connections; of a chain, the slower one. */
  readonly startMs: number;
  readonly failures: string;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws on an empty list. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.ceil((sorted.length - 1) / 2)];
  const [min] = sorted;
  const max = sorted.at(-1);
  if (middle === undefined || upper === undefined || min === undefined || max === undefined) {
    throw new Error("no values");
  }
  return { median: (middle + upper) / 2, min, max };
}

export interface Ratio extends Spread {
  readonly scenario: ScenarioName;
  readonly connections: number;
  /** Our sidecar's CPU per request divided by this proxy's. */
  readonly against: ProxyName;
}

/** Ratios are taken round by round, so that what slows a whole round leaves them alone. */
export function ratiosOf(samples: readonly Sample[]): Ratio[] {
  return groups(samples).flatMap(({ scenario, connections, members }) => {
    const cpuOf = (proxy: ProxyName, round: number): number | undefined =>
      members.find((s) => s.proxy === proxy && s.round === round)?.cpuUsPerRequest;
    return PROXIES.filter((proxy) => proxy !== "tulle").flatMap((against) => {
      const ratios = members
        .filter((sample) => sample.proxy === "tulle")
        .flatMap(({ round, cpuUsPerRequest }) => {
          const theirs = cpuOf(against, round);
          return theirs === undefined ? [] : [cpuUsPerRequest / theirs];
        });
      return ratios.length === 0 ? [] : [{ scenario, connections, against, ...spreadOf(ratios) }];
    });
  });
}

/** A section per scenario: a table of figures, and one of ratios when our sidecar was measured. */
export function toMarkdown(samples: readonly Sample[]): string {
  const ratios = ratiosOf(samples);
  const sections = SCENARIOS.filter((name) => samples.some((s) => s.scenario === name)).map(
    (scenario) => {
      const figures = figureRows(samples.filter((sample) => sample.scenario === scenario));
      const own = ratios.filter((ratio) => ratio.scenario === scenario);
      const parts = [`## ${SCENARIO_TITLES[scenario]}`, table(FIGURE_HEADER, figures)];
      if (own.length > 0) {
        parts.push("CPU per request of Tulle against the others, same round: median [min–max]");
        parts.push(ratioTable(own));
      }
      return parts.join("\n\n");
    },
  );
  return `${sections.join("\n\n")}\n`;
}

const FIGURE_HEADER = [
  "proxy",
  "connections",
  "µs CPU/request [min–max]",
  "requests/s",
  "p50 µs",
  "p99 µs",
  "idle MB",
  "busy MB",
  "start ms",
];

function figureRows(samples: readonly Sample[]): string[][] {
  return groups(samples).flatMap(({ connections, members }) =>
    PROXIES.flatMap((proxy) => {
      const own = members.filter((sample) => sample.proxy === proxy);
      if (own.length === 0) return [];
      const median = (of: (sample: Sample) => number): string =>
        spreadOf(own.map(of)).median.toFixed(0);
      const failed = own.some((sample) => sample.failures !== "") ? " (requests failed)" : "";
      return [
        [
          `${proxy}${failed}`,
          String(connections),
          spreadText(spreadOf(own.map((sample) => sample.cpuUsPerRequest)), 1),
          median((sample) => sample.requestsPerSecond),
          median((sample) => sample.p50Us),
          median((sample) => sample.p99Us),
          median((sample) => sample.idleMegabytes),
          median((sample) => sample.busyMegabytes),
          median((sample) => sample.startMs),
        ],
      ];
    }),
  );
}

function ratioTable(ratios: readonly Ratio[]): string {
  const proxies = PROXIES.filter((proxy) => ratios.some((ratio) => ratio.against === proxy));
  const connections = [...new Set(ratios.map((ratio) => ratio.connections))];
  const rows = connections.map((count) => [
    String(count),
    ...proxies.map((proxy) => {
      const ratio = ratios.find((r) => r.connections === count && r.against === proxy);
      return ratio === undefined ? "" : `${spreadText(ratio, 2)}`;
    }),
  ]);
  return table(["connections", ...proxies.map((proxy) => `÷ ${proxy}`)], rows);
}

function spreadText(spread: Spread, digits: number): string {
  const text = (value: number): string => value.toFixed(digits);
  return `${text(spread.median)} [${text(spread.min)}–${text(spread.max)}]`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join(
    "\n",
  );
}

interface Group {
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly members: readonly Sample[];
}

/** Samples under the same load, fewest connections first. */
function groups(samples: readonly Sample[]): Group[] {
  const counts = [...new Set(samples.map((sample) => sample.connections))].sort((a, b) => a - b);
  return SCENARIOS.flatMap((scenario) =>
    counts.map((connections) => ({
      scenario,
      connections,
      members: samples.filter((s) => s.scenario === scenario && s.connections === connections),
    })),
  ).filter(({ members }) => members.length > 0);
}
