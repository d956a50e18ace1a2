/** Asks any server with Prometheus' HTTP API for the one number of a gate (`GET /api/v1/query`). */
import { messageOf } from "../../core/errors.ts";
import { isRecord, listAt, valueAt } from "../../resource/rule.ts";
import { fetchText } from "./bounded-fetch.ts";
import type { QueryAnswer } from "./gate-reading.ts";

/** Below the shortest interval of looks times a few: a slow server delays no other rollout for long. */
const TIMEOUT_MS = 3000;
/** One sample has some hundred bytes; more samples are a query that gives no one number. */
const ANSWER_BYTES_MAX = 256 * 1024;

export async function queryPrometheus(
  address: string,
  query: string,
  signal: AbortSignal,
): Promise<QueryAnswer> {
  const url = new URL(address);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/api/v1/query`;
  url.searchParams.set("query", query);
  try {
    const bounds = { timeoutMs: TIMEOUT_MS, sizeBytesMax: ANSWER_BYTES_MAX, signal };
    return numberOf(JSON.parse(await fetchText(url, bounds)));
  } catch (error) {
    return { error: `${url.host}: ${messageOf(error)}` };
  }
}

/** Prometheus' HTTP API, "Expression query result formats". */
function numberOf(answer: unknown): QueryAnswer {
  const type = valueAt(answer, "data", "resultType");
  if (type === "scalar") {
    return { value: Number(listAt(valueAt(answer, "data"), "result")[1]) };
  }
  const samples = listAt(valueAt(answer, "data"), "result");
  if (type !== "vector" || samples.length > 1) {
    return {
      error: `the query gives ${type === "vector" ? `${samples.length} series` : String(type)}, not one number`,
    };
  }
  const [sample] = samples;
  if (!isRecord(sample)) return { error: "the query gives no data" };
  return { value: Number(listAt(sample, "value")[1]) };
}
