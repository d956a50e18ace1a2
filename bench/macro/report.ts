/** Figures to tables: medians with their spread, ratios, and which limits hold. */
import { type Verdict, verdictsOf } from "./limits.ts";
import { PROXIES, SCENARIOS, type ScenarioName } from "./names.ts";
import {
  figureOf,
  groupsOf,
  type Ratio,
  ratiosOf,
  type Spread,
  spreadOf,
  type VariantRatio,
  variantRatiosOf,
} from "./ratios.ts";
import type { MemorySample, Sample, Samples } from "./samples.ts";
import { hasVariants, SCENARIO_TABLE } from "./scenarios.ts";

/** A section per scenario, and one of the limits when our sidecar was measured. */
export function toMarkdown(samples: Samples): string {
  const sections = SCENARIOS.flatMap((name) => {
    const parts = [
      ...loadParts(samples.load.filter((sample) => sample.scenario === name)),
      ...memoryParts(samples.memory.filter((sample) => sample.scenario === name)),
    ];
    if (parts.length === 0) return [];
    return [`## ${name}: ${SCENARIO_TABLE[name].title}`, ...parts];
  });
  const verdicts = verdictsOf(samples);
  if (verdicts.length > 0) sections.push("## Limits", limitTable(verdicts));
  return `${sections.join("\n\n")}\n`;
}

/** Figures of one scenario, and ratios when our sidecar is among them. */
function loadParts(samples: readonly Sample[]): string[] {
  const scenario = samples[0]?.scenario;
  if (scenario === undefined) return [];
  const parts = [table(figureHeader(scenario), figureRows(samples))];
  const measure = isOfBodies(scenario) ? "throughput" : "cpu";
  const ratios = ratiosOf(samples, measure);
  if (ratios.length > 0) {
    const name = measure === "cpu" ? "CPU per request" : "MB per second of CPU";
    parts.push(`${name} of Tulle against the others, same round: median [min–max]`);
    parts.push(ratioTable(ratios));
  }
  const variantRatios = variantRatiosOf(samples);
  if (variantRatios.length > 0) {
    parts.push("CPU per request of variants against others, same proxy and round");
    parts.push(variantTable(variantRatios));
  }
  return parts;
}

function isOfBodies(scenario: ScenarioName): boolean {
  return SCENARIO_TABLE[scenario].request === "megabyte";
}

function isVaried(scenario: ScenarioName): boolean {
  return hasVariants(SCENARIO_TABLE[scenario]);
}

function figureHeader(scenario: ScenarioName): readonly string[] {
  return [
    ...["proxy", ...(isVaried(scenario) ? ["variant"] : []), "connections"],
    ...["µs CPU/request [min–max]"],
    ...(isOfBodies(scenario) ? ["MB/s of CPU"] : []),
    ...["requests/s", "p50 µs", "p99 µs", "upstream connections", "idle MB", "busy MB", "start ms"],
  ];
}

function figureRows(samples: readonly Sample[]): string[][] {
  return groupsOf(samples).flatMap(({ scenario, connections, variant, members }) =>
    PROXIES.flatMap((proxy) => {
      const own = members.filter((sample) => sample.proxy === proxy);
      if (own.length === 0) return [];
      const median = (of: (sample: Sample) => number): string =>
        spreadOf(own.map(of)).median.toFixed(0);
      return [
        [
          marked(proxy, own),
          ...(isVaried(scenario) ? [variant] : []),
          String(connections),
          spreadText(spreadOf(own.map((sample) => sample.cpuUsPerRequest)), 1),
          ...(isOfBodies(scenario) ? [median((sample) => figureOf(sample, "throughput"))] : []),
          median((sample) => sample.requestsPerSecond),
          median((sample) => sample.p50Us),
          median((sample) => sample.p99Us),
          median((sample) => sample.upstreamConnections),
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
  const loads = [...new Set(ratios.map(loadName))];
  const rows = loads.map((load) => [
    load,
    ...proxies.map((proxy) => {
      const ratio = ratios.find((r) => loadName(r) === load && r.against === proxy);
      return ratio === undefined ? "" : `${spreadText(ratio, 2)}`;
    }),
  ]);
  return table(["connections", ...proxies.map((proxy) => `÷ ${proxy}`)], rows);
}

function loadName({ connections, variant }: Ratio): string {
  return variant === "" ? String(connections) : `${connections}, ${variant}`;
}

function variantTable(ratios: readonly VariantRatio[]): string {
  const rows = ratios.map((ratio) => [
    ...[ratio.proxy, String(ratio.connections), `${ratio.variant} ÷ ${ratio.against}`],
    spreadText(ratio, 2),
  ]);
  return table(["proxy", "connections", "variants", "median [min–max]"], rows);
}

function memoryParts(samples: readonly MemorySample[]): string[] {
  const rows = groupsOf(samples).flatMap(({ connections, members }) =>
    PROXIES.flatMap((proxy) => {
      const own = members.filter((sample) => sample.proxy === proxy);
      if (own.length === 0) return [];
      const spread = (of: (sample: MemorySample) => number): string =>
        spreadText(spreadOf(own.map(of)), 1);
      return [
        [
          marked(proxy, own),
          String(connections),
          spread((sample) => sample.idleMegabytes),
          spread((sample) => sample.addedSilentMegabytes),
          spread((sample) => sample.addedMegabytes),
        ],
      ];
    }),
  );
  const header = [
    "proxy",
    "connections",
    "idle MB [min–max]",
    "opened: MB more",
    "each used once: MB more",
  ];
  return rows.length === 0 ? [] : [table(header, rows)];
}

function limitTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ subject, bound, seen, holds }) => [
    ...[subject, bound, spreadText(seen, 2)],
    holds ? "yes" : "NO",
  ]);
  return table(["scenario and figure", "limit", "median [min–max]", "holds"], rows);
}

function marked(proxy: string, samples: readonly { readonly failures: string }[]): string {
  const hasFailed = samples.some((sample) => sample.failures !== "");
  return hasFailed ? `${proxy} (requests failed)` : proxy;
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
