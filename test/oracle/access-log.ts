/** What both proxies wrote about the cases into the access log that they share. */
import { readFileSync } from "node:fs";
import { eventually } from "../support/envoy-process.ts";
import type { OracleCase } from "./case.ts";
import type { Observation } from "./observation.ts";
import { type ForBoth, PROXIES, type ProxyName } from "./proxy-pair.ts";
import { ACCESS_LOG_FIELDS } from "./static-bootstrap.ts";

const FIELDS = Object.keys(ACCESS_LOG_FIELDS);

type Line = Readonly<Record<string, string | number | null>>;
type LinesByCase = ReadonlyMap<string, readonly Line[]>;

/** Waits until both have written what they have to say about `last`, and so about all cases before it. */
export async function accessLogLines(
  path: string,
  ports: ForBoth<ReadonlyMap<string, number>>,
  last: OracleCase,
): Promise<ForBoth<LinesByCase>> {
  return await eventually(
    "both access logs are written",
    async () => parse(path, ports),
    (lines) => PROXIES.every((name) => lines[name].has(last.id)),
  );
}

/** The observations with what was logged about them. */
export function withAccessLogs(
  observations: ReadonlyMap<string, ForBoth<Observation>>,
  lines: ForBoth<LinesByCase>,
): ReadonlyMap<string, ForBoth<Observation>> {
  const extended = (id: string, name: ProxyName, observed: Observation): Observation => {
    const fields = new Map(observed);
    const own = (lines[name].get(id) ?? []).map((line) =>
      FIELDS.map((field) => String(line[field] ?? "-")),
    );
    // Streams of one connection race each other.
    own.sort((a, b) => (a.join() < b.join() ? -1 : 1));
    for (const [index, values] of own.entries()) {
      for (const [at, field] of FIELDS.entries()) {
        fields.set(`log.${index}.${field}`, values[at] ?? "");
      }
    }
    return fields;
  };
  return new Map(
    [...observations].map(([id, { envoy, tulle }]) => [
      id,
      { envoy: extended(id, "envoy", envoy), tulle: extended(id, "tulle", tulle) },
    ]),
  );
}

function parse(path: string, ports: ForBoth<ReadonlyMap<string, number>>): ForBoth<LinesByCase> {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as Line);
  const byCase = (name: ProxyName): LinesByCase => {
    const own = new Set([...ports[name].values()].map((port) => `127.0.0.1:${port}`));
    const found = new Map<string, Line[]>();
    for (const line of lines) {
      if (!own.has(String(line["listener"]))) continue;
      const id = String(line["case"]);
      found.set(id, [...(found.get(id) ?? []), line]);
    }
    return found;
  };
  return { envoy: byCase("envoy"), tulle: byCase("tulle") };
}
