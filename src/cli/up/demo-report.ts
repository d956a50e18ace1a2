/** What `tulle demo` prints: what runs where, what to try, and what came of it. */
import { extname } from "node:path";
import type { TextWriter } from "../context.ts";
import { renderTable } from "../output/table.ts";
import { SIDECAR_ADMIN_PORT } from "../run/loopback-block.ts";
import { APP_HOST } from "../run/port-spec.ts";
import type { TrafficSummary } from "./mesh-traffic.ts";
import type { PlannedInstance } from "./plan.ts";

const LANGUAGES: Readonly<Record<string, string>> = {
  ".mjs": "JavaScript",
  ".js": "JavaScript",
  ".ts": "TypeScript",
  ".py": "Python",
};

/** A row per instance. `addressOf` tells where its sidecar is. */
export function instanceTable(
  planned: readonly PlannedInstance[],
  addressOf: (planned: PlannedInstance) => string | undefined,
  out: TextWriter,
): string {
  return renderTable({
    columns: [
      { title: "SERVICE" },
      { title: "INSTANCE", isKept: true },
      { title: "LANGUAGE" },
      { title: "APP" },
      { title: "SIDECAR ADMIN" },
    ],
    rows: planned.map((instance) => {
      const { spec } = instance;
      const [port] = spec.ports;
      const address = addressOf(instance);
      return [
        spec.service,
        spec.name,
        languageOf(spec.command),
        port === undefined ? "-" : `${APP_HOST}:${port.port}`,
        address === undefined ? "-" : `${address}:${SIDECAR_ADMIN_PORT}`,
      ];
    }),
    style: out.style,
    width: out.columns,
    indent: "  ",
  });
}

function languageOf(command: readonly string[]): string {
  const known = command.map((word) => LANGUAGES[extname(word)]).find((name) => name !== undefined);
  return known ?? command[0] ?? "-";
}

export interface CallingWays {
  /** How the program is called from here. */
  readonly tulle: string;
  /** The flag that finds this mesh, or empty. */
  readonly suffix: string;
  /** Where the demo's files are from here. */
  readonly folder: string;
}

export function thingsToTry(
  planned: readonly PlannedInstance[],
  { tulle, suffix, folder }: CallingWays,
): string {
  const storefront = planned.find(({ spec }) => spec.service === "storefront");
  const lines = [
    ["split catalog v1=50 v2=50", "send half of the catalog's requests to v2, and watch the stars"],
    [
      `apply -f ${folder}/failing-payments.yaml`,
      "let half of the charges fail, and find them in the dashboard",
    ],
    ["describe service catalog", "its versions, its routes, its instances"],
    ["status", "which proxy runs which configuration"],
    [
      `proxy config ${storefront?.spec.name ?? "NAME"}`,
      "what the sidecar of the storefront was told",
    ],
  ].map(([line, what]) => [`${tulle} ${line}${suffix}`, what] as const);
  const width = Math.max(...lines.map(([line]) => line.length));
  return lines.map(([line, what]) => `  ${line.padEnd(width)}   # ${what}\n`).join("");
}

export interface DemoOutcome {
  readonly traffic: TrafficSummary;
  /** How long customers were served. */
  readonly seconds: number;
  /** What went wrong besides requests: a process that died, metrics that could not be read. */
  readonly incidents: readonly string[];
}

/** Everything that makes a demo a failure; empty when it went well. */
export function demoProblems({ traffic, incidents }: DemoOutcome): readonly string[] {
  const problems = [...incidents];
  if (traffic.requests === 0) problems.push("no request between services was measured");
  if (traffic.failures > 0) {
    problems.push(`${count(traffic.failures)} requests failed`, ...traffic.failureKinds);
  }
  const plain = traffic.requests - traffic.mutualTls;
  if (plain > 0) problems.push(`${count(plain)} requests were not on mutual TLS`);
  return problems;
}

/** The summary that ends `--seconds`. */
export function demoSummary(outcome: DemoOutcome, out: TextWriter): string {
  const { traffic, seconds } = outcome;
  const problems = demoProblems(outcome);
  const { style } = out;
  const rate = seconds > 0 ? Math.round(traffic.requests / seconds) : 0;
  const rows = [
    [
      "requests between services",
      `${count(traffic.requests)} in ${seconds.toFixed(0)} s (${count(rate)} per second)`,
    ],
    ["failed", count(traffic.failures)],
    ["on mutual TLS", share(traffic.mutualTls, traffic.requests)],
    ["split of catalog", splitText(traffic.versions.get("catalog"))],
  ].map(([name = "", value = ""]) => `  ${name.padEnd(27)}${value}\n`);
  const verdict =
    problems.length === 0
      ? style.green("all is well")
      : [style.red("something failed:"), ...problems].join("\n  ");
  return `\n${rows.join("")}  ${verdict}\n`;
}

function splitText(versions: ReadonlyMap<string, number> | undefined): string {
  if (versions === undefined) return "not measured";
  const total = [...versions.values()].reduce((sum, part) => sum + part, 0);
  const parts = [...versions]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, part]) => `${version} ${percent(part, total)}`);
  return `${parts.join(", ")} (of ${count(total)})`;
}

/** Never rounds up to a whole: 100 % is said of all only. */
function share(part: number, whole: number): string {
  return whole === 0
    ? "not measured"
    : `${percent(part, whole)} (${count(part)} of ${count(whole)})`;
}

function percent(part: number, whole: number): string {
  if (part === whole) return "100 %";
  return `${(Math.floor((part / whole) * 1000) / 10).toFixed(1)} %`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
