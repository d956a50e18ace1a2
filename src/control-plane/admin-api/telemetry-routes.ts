/** Traffic, logs, traces and events: the endpoints under /api/v1/telemetry. All of them read. */
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { hasCode } from "../../core/errors.ts";
import { isAtLeast } from "../access/roles.ts";
import { accessLogView } from "../telemetry/access-log-view.ts";
import type { EventsResponse } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { edgeViews } from "./telemetry-edges.ts";
import { errorsView } from "./telemetry-errors.ts";
import { isWanted, logQuery, logsView } from "./telemetry-logs.ts";
import { overviewView } from "./telemetry-overview.ts";
import { proxyFigures } from "./telemetry-proxies.ts";
import {
  type AskedWindow,
  limitFrom,
  refuseEmptyValues,
  windowFrom,
  windowView,
} from "./telemetry-query.ts";
import { routeTrafficView } from "./telemetry-route-traffic.ts";
import { securityView } from "./telemetry-security.ts";
import { seriesView } from "./telemetry-series.ts";
import { servicesView, serviceView } from "./telemetry-services.ts";
import { tapEvent, tapQuery } from "./telemetry-tap.ts";
import { tracesView, traceView } from "./telemetry-traces.ts";

const EVENTS_DEFAULT = 100;
const EVENTS_MAX = 1000;
/** What waits for a client that follows and reads slowly; beyond it the oldest is left out. */
const FOLLOW_QUEUE_MAX = 1000;
/** So that a client and what is between know that the other side is there. */
const HEARTBEAT_MS = 15_000;

type View = (deps: AdminApiDeps, asked: AskedWindow, context: Context) => Promise<object>;

const VIEWS: Readonly<Record<string, View>> = {
  overview: overviewView,
  services: servicesView,
  series: seriesView,
  edges: edgeViews,
  routes: routeTrafficView,
  errors: errorsView,
  logs: logsView,
  traces: tracesView,
  events: eventsView,
  security: securityView,
  proxies: proxyFigures,
};

export function telemetryRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use("/telemetry/*", async (context, next) => {
    refuseEmptyValues(context);
    await next();
  });
  for (const [name, view] of Object.entries(VIEWS)) {
    app.get(`/telemetry/${name}`, async (context) => {
      const asked = windowFrom(context, deps.clock.nowMs());
      return context.json(await answered(view(deps, asked, context)));
    });
  }
  app.get("/telemetry/services/:namespace/:name", async (context) => {
    const { namespace, name: service } = context.req.param();
    const asked = { ...windowFrom(context, deps.clock.nowMs()), namespace, service };
    return context.json(await answered(serviceView(deps, asked)));
  });
  app.get("/telemetry/traces/:id", async (context) =>
    context.json(await answered(traceView(deps, context.req.param("id")))),
  );
  app.get("/telemetry/logs/follow", (context) => {
    const query = logQuery(windowFrom(context, deps.clock.nowMs()), context);
    return follow(deps, context, "log", (push) =>
      deps.telemetry.listen({
        onLogs: (logs) => push(logs.filter((log) => isWanted(log, query))),
      }),
    );
  });
  app.get("/telemetry/events/follow", (context) => {
    const type = context.req.query("type");
    return follow(deps, context, "event", (push) =>
      deps.telemetry.listen({
        onEvents: (events) =>
          push(events.filter((event) => type === undefined || event.type === type)),
      }),
    );
  });
  app.get("/telemetry/tap", (context) => {
    const query = tapQuery(windowFrom(context, deps.clock.nowMs()), context);
    const { perSecond, headers, responseHeaders, expression, asks } = query;
    const showsHeaders = headers.length + responseHeaders.length > 0;
    if (showsHeaders && !isAtLeast(context.get("principal").role, "operator")) {
      throw apiError("forbidden", "headers are shown to operators only", {
        hint: "leave out show and showResponse",
      });
    }
    return follow(deps, context, "request", (push) => {
      const close = deps.telemetry.taps.open({
        ...{ spec: { perSecond, headers, responseHeaders, expression }, asks },
        onEvents: (events) =>
          push(
            events
              .flatMap((event) => accessLogView(event) ?? [])
              .filter(query.isWanted)
              .map(tapEvent),
          ),
      });
      if (close === undefined) throw apiError("unavailable", "too many taps are open; end one");
      return close;
    });
  });
  return app;
}

/** A store that does not answer is no fault of the request. */
async function answered<T extends object>(view: Promise<T>): Promise<T> {
  try {
    return await view;
  } catch (error) {
    if (!hasCode(error, "telemetry-unavailable")) throw error;
    throw apiError("unavailable", error.message, {
      hint: "traffic goes on; try again, and look at the control plane's log",
    });
  }
}

async function eventsView(
  deps: AdminApiDeps,
  { fromMs, toMs }: AskedWindow,
  context: Context,
): Promise<EventsResponse> {
  const type = context.req.query("type");
  const events = await deps.telemetry.questions.ask("events", {
    ...{ fromMs, toMs: toMs + 1, limit: limitFrom(context, EVENTS_DEFAULT, EVENTS_MAX) },
    ...(type === undefined ? {} : { type }),
  });
  return { window: windowView({ fromMs, toMs, stepMs: toMs - fromMs }), events };
}

/** Server-sent events (HTML, section 9.2) of what comes from now on. */
function follow(
  deps: AdminApiDeps,
  context: Context<AdminEnv>,
  name: string,
  subscribe: (push: (items: readonly object[]) => void) => () => void,
): Response {
  const closed = new AbortController();
  const signal = AbortSignal.any([deps.stopping, closed.signal]);
  return streamSSE(context, async (stream) => {
    let queue: object[] = [];
    let wake: () => void = () => {};
    const unsubscribe = subscribe((items) => {
      queue.push(...items);
      if (queue.length > FOLLOW_QUEUE_MAX) queue = queue.slice(-FOLLOW_QUEUE_MAX);
      wake();
    });
    stream.onAbort(() => closed.abort());
    signal.addEventListener("abort", () => wake());
    try {
      // The head goes out at once, so that a client knows that it listens.
      await stream.write(": ready\n\n");
      while (!signal.aborted) {
        const items = queue;
        queue = [];
        for (const item of items)
          await stream.writeSSE({ event: name, data: JSON.stringify(item) });
        if (queue.length > 0 || signal.aborted) continue;
        const isWoken = await new Promise<boolean>((resolve) => {
          const timer = deps.clock.schedule(HEARTBEAT_MS, () => resolve(false));
          wake = () => {
            timer.cancel();
            resolve(true);
          };
        });
        if (!isWoken) await stream.write(": still here\n\n");
      }
    } finally {
      unsubscribe();
    }
  });
}
