/** `tracing` of a TelemetryPolicy: which requests become spans, which headers carry their context, what spans tell. */
import { z } from "zod";
import { duration, headerName } from "../fields.ts";
import { listRule, objectRule, reportRepeated, valueAt } from "../rule.ts";

/** Headers in which the context of a trace goes on. */
export const TRACE_FORMATS = ["W3C", "B3", "B3Single"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

const TAGS_MAX = 16;
const PATH_LENGTH_MAX = 2048;
const VALUE_MAX = 256;

const tag = objectRule(
  z.strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[a-z][a-z0-9_.]*$/, {
        error: "an attribute of OpenTelemetry: a-z first, then a-z, 0-9, _ and .",
      })
      .describe("Of the attribute, as it stands in spans: `shop.tenant`."),
    value: z.string().min(1).max(VALUE_MAX).optional().describe("The same for every request."),
    requestHeader: headerName()
      .optional()
      .describe("A header of the request; spans of requests without it lack the attribute."),
    environment: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "a name of an environment variable" })
      .optional()
      .describe("A variable of the sidecar's environment."),
    default: z
      .string()
      .min(1)
      .max(VALUE_MAX)
      .optional()
      .describe("Where the header or variable is missing."),
  }),
  (tag, report) => {
    const sources = ["value", "requestHeader", "environment"].filter(
      (source) => tag[source] !== undefined,
    );
    if (sources.length !== 1) {
      const message = "needs one of value, requestHeader, environment";
      report({ path: [], code: "invalid-value", message, allowed: "exactly one of the three" });
    }
  },
);

const keep = z
  .strictObject({
    errors: z
      .boolean()
      .describe(
        "Whether spans of requests that end with a 5xx status, with a code of gRPC for failures, or without an answer are kept whatever sampling says, with the other spans of their trace. Default true.",
      ),
    slowerThan: duration({ maxMs: 3_600_000 }).describe(
      "The same for requests that take longer. 0s: none for its time. Default 1s.",
    ),
  })
  .partial();

/** What a TelemetryPolicy may say. What it leaves out has the default of `TRACING_DEFAULTS`. */
export const telemetryTracingPart = z
  .strictObject({
    enabled: z
      .boolean()
      .describe(
        "Whether sidecars take part in traces: false leaves every header as it came. Default true.",
      ),
    sampling: z
      .number()
      .min(0)
      .max(100)
      .describe(
        "Percent of the traces that begin here which are recorded whole. Whoever calls with a context has decided already. Default 1.",
      ),
    formats: listRule(
      z.array(z.enum(TRACE_FORMATS)).min(1).max(TRACE_FORMATS.length),
      (items, report) => {
        reportRepeated(items, report, {
          identity: (item) => JSON.stringify(item),
          path: [],
          what: "formats",
        });
      },
    ).describe(
      "Headers in which the context goes on: traceparent (W3C), x-b3-* (B3) or b3 (B3Single). A format that a request came with is answered in as well. Default [W3C].",
    ),
    keep: keep.describe("What is kept whatever sampling says."),
    tags: listRule(z.array(tag).max(TAGS_MAX), (items, report) => {
      reportRepeated(items, report, {
        identity: (item) => JSON.stringify(valueAt(item, "name")),
        path: ["name"],
        what: "tags",
      });
    }).describe("Attributes that every span gets beside its own."),
    maxPathLength: z
      .int()
      .min(1)
      .max(PATH_LENGTH_MAX)
      .describe("Characters of the path that spans tell. Default 256."),
  })
  .partial()
  .describe("Traces of requests.");

export type TelemetryTracing = z.output<typeof telemetryTracingPart>;
export type TracingTag = z.output<typeof tag>;

/** What holds where no policy says. */
export const TRACING_DEFAULTS = {
  enabled: true,
  sampling: 1,
  formats: ["W3C"] as readonly TraceFormat[],
  keepErrors: true,
  keepSlowerThan: "1s",
  tags: [] as readonly TracingTag[],
  maxPathLength: 256,
} as const;
