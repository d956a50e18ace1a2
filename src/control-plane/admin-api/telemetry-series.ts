/** One service over time: rates, percentiles, a heat map, exemplars that lead to traces, and what happened meanwhile. */
import type { Context } from "hono";
import type { TrafficRow } from "../telemetry/store/traffic-read.ts";
import { BUCKET_COUNT, LATENCY_BOUNDS_MS } from "../telemetry/store/traffic-slots.ts";
import type { SeriesResponse } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { addSteps, perStep, sparkOf } from "./telemetry-figures.ts";
import { hasNotArrived } from "./telemetry-inbound.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";
import { stepWindow } from "./telemetry-step-window.ts";

const EXEMPLARS_MAX = 200;
const EVENTS_MAX = 100;

export async function seriesView(
  deps: AdminApiDeps,
  asked: AskedWindow,
  { req }: Context,
): Promise<SeriesResponse> {
  const { fromMs, toMs, service } = asked;
  const namespace = asked.namespace ?? "default";
  if (service === undefined) throw apiError("bad_request", "service: say which");
  const { source, version } = req.query();
  const destination = `${namespace}/${service}`;
  const where = {
    ...{ destinationNamespace: namespace, destinationName: service },
    ...(version === undefined ? {} : { destinationVersion: version }),
    ...(source === undefined ? {} : sourceFrom(source)),
  };
  const range = { fromMs, toMs };
  const [answer, exemplars, events] = await Promise.all([
    deps.telemetry.traffic({ ...range, hasSteps: true, by: ["reporter", "flags"], where }),
    deps.telemetry.questions.ask("exemplars", {
      ...range,
      destination,
      ...(source === undefined ? {} : { source }),
      ...(version === undefined ? {} : { version }),
      limit: EXEMPLARS_MAX,
    }),
    deps.telemetry.questions.ask("events", { ...range, limit: EVENTS_MAX }),
  ]);
  const isShown = rowsFrom(req.query("reporter"), answer.rows);
  const steps = answer.rows
    .filter(isShown)
    .map((row) => row.steps)
    .reduce(addSteps, undefined);
  const window = stepWindow(answer, deps);
  const spark = sparkOf(steps, window);
  const seconds = window.stepMs / 1000;
  const count = Math.round((window.toMs - window.fromMs) / window.stepMs);
  const indexes = Array.from({ length: count }, (_, index) => index);
  return {
    window: windowView(window),
    times: indexes.map((index) => new Date(window.fromMs + index * window.stepMs).toISOString()),
    requestsPerSecond: spark.requestsPerSecond,
    errorsPerSecond: perStep(window, (index) => (steps?.errors[index] ?? 0) / seconds),
    mean: spark.mean,
    p50: spark.p50,
    p90: spark.p90,
    p99: spark.p99,
    heatmap: {
      boundsMs: LATENCY_BOUNDS_MS,
      counts: indexes.map((index) =>
        Array.from(
          steps?.buckets.subarray(index * BUCKET_COUNT, (index + 1) * BUCKET_COUNT) ??
            new Float64Array(BUCKET_COUNT),
        ),
      ),
    },
    exemplars: exemplars.map(({ timeMs, latencyMs, traceId }) => ({
      at: new Date(timeMs).toISOString(),
      latencyMs,
      traceId,
    })),
    events,
  };
}

function sourceFrom(text: string): {
  readonly sourceNamespace: string;
  readonly sourceName: string;
} {
  const [namespace = "", name, ...rest] = text.split("/");
  if (name === undefined || name === "" || rest.length > 0) {
    throw apiError("bad_request", `source: "${text}" is no NAMESPACE/NAME`);
  }
  return { sourceNamespace: namespace, sourceName: name };
}

/** The called sidecars' where they tell, with what never came to them, unless one side is asked for. */
function rowsFrom(
  text: string | undefined,
  rows: readonly Pick<TrafficRow, "key">[],
): (row: Pick<TrafficRow, "key">) => boolean {
  if (text === "source" || text === "destination") return ({ key: [told] }) => told === text;
  if (text !== undefined) {
    throw apiError("bad_request", `reporter: "${text}" is neither source nor destination`);
  }
  if (!rows.some(({ key: [told] }) => told === "destination")) {
    return ({ key: [told] }) => told === "source";
  }
  return ({ key: [told, flags = ""] }) =>
    told === "destination" || (told === "source" && hasNotArrived(flags));
}
