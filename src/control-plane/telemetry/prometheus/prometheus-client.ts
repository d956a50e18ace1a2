/** Asks Prometheus' HTTP API for samples: at one moment, or one for each step of a window. */
import { isRecord, listAt, valueAt } from "../../../resource/rule.ts";
import { fetchText } from "../../rollout/bounded-fetch.ts";

const TIMEOUT_MS = 8_000;
/** 2,000 edges with 20 buckets of both reporters, as JSON. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface PrometheusSample {
  readonly labels: ReadonlyMap<string, string>;
  /** Seconds since 1970, and the value. */
  readonly values: readonly (readonly [seconds: number, value: number])[];
}

/** A moment, or steps. Milliseconds. */
export type AskedTime =
  | { readonly kind: "instant"; readonly atMs: number }
  | {
      readonly kind: "steps";
      readonly fromMs: number;
      readonly toMs: number;
      readonly stepMs: number;
    };

/** Rejects with an Error that says what went wrong. */
export async function askPrometheus(
  base: URL,
  query: string,
  time: AskedTime,
  signal: AbortSignal,
): Promise<readonly PrometheusSample[]> {
  const url = new URL(base);
  const isInstant = time.kind === "instant";
  url.pathname = `${url.pathname.replace(/\/$/, "")}/api/v1/${isInstant ? "query" : "query_range"}`;
  url.searchParams.set("query", query);
  if (isInstant) url.searchParams.set("time", String(time.atMs / 1000));
  else {
    url.searchParams.set("start", String(time.fromMs / 1000));
    url.searchParams.set("end", String(time.toMs / 1000));
    url.searchParams.set("step", String(time.stepMs / 1000));
  }
  const bounds = { timeoutMs: TIMEOUT_MS, sizeBytesMax: ANSWER_BYTES_MAX, signal };
  const answer: unknown = JSON.parse(await fetchText(url, bounds));
  return listAt(valueAt(answer, "data"), "result").filter(isRecord).map(sampleOf);
}

/** Prometheus' HTTP API, "Expression query result formats". */
function sampleOf(result: Readonly<Record<string, unknown>>): PrometheusSample {
  const metric = result["metric"];
  const labels = new Map(
    Object.entries(isRecord(metric) ? metric : {}).map(([name, value]) => [name, String(value)]),
  );
  const pairs = "value" in result ? [result["value"]] : listAt(result, "values");
  const values = pairs.flatMap((pair): readonly (readonly [number, number])[] => {
    if (!Array.isArray(pair)) return [];
    const value = Number(pair[1]);
    return Number.isFinite(value) ? [[Number(pair[0]), value]] : [];
  });
  return { labels, values };
}
