/** `spec.accessLogs` of a TelemetryPolicy: where lines go, what they say, of which requests, and what they never tell. */
import { z } from "zod";
import { parseFormat } from "../../core/substitution-format.ts";
import { headerName } from "../fields.ts";
import type { DeepReadonly } from "../object.ts";
import {
  isRecord,
  type LooseRecord,
  listRule,
  objectRule,
  type Report,
  reportRepeated,
  stringRule,
  valueAt,
} from "../rule.ts";
import type { FieldPath } from "../violation.ts";
import { accessLogFilter } from "./access-log-filter.ts";

const LOGS_MAX = 8;
const FORMAT_LENGTH_MAX = 8192;
const KEYS_MAX = 100;
const DEPTH_MAX = 4;
const HEADERS_MAX = 16;
/** Of a body, per request. More would make the proxy a store of payloads. */
const BODY_BYTES_MAX = 16_384;
const SAMPLES_MAX = 1000;

/** Istio's words: who tells of a request. */
export const WORKLOAD_MODES = ["CLIENT_AND_SERVER", "CLIENT", "SERVER"] as const;
export type WorkloadMode = (typeof WORKLOAD_MODES)[number];

const textFormat = stringRule(z.string().min(1).max(FORMAT_LENGTH_MAX), (text, report) => {
  checkFormat(text, [], report);
});

const jsonFormat = objectRule(z.record(z.string().min(1).max(128), z.unknown()), (value, report) =>
  checkJsonFormat(value, report),
);

const format = objectRule(
  z.strictObject({
    text: textFormat
      .optional()
      .describe(
        "A line in Envoy's format language, as `%START_TIME% %REQ(:METHOD)% %RESPONSE_CODE%`. A line end is added where it has none.",
      ),
    json: jsonFormat
      .optional()
      .describe(
        "An object by key, whose values are formats, objects or lists of them. A value of one operator keeps its type.",
      ),
    omitEmptyValues: z
      .boolean()
      .default(false)
      .describe("Leaves out what has no value, instead of null or -."),
  }),
  (value, report) => {
    if (value["text"] === undefined || value["json"] === undefined) return;
    report({ path: ["json"], message: "text and json exclude each other", allowed: "one of them" });
  },
);

const body = z.strictObject({
  maxBytes: z.int().min(1).max(BODY_BYTES_MAX).describe("Of its beginning."),
});

const headerNames = listRule(z.array(headerName()).min(1).max(HEADERS_MAX), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => (typeof item === "string" ? item.toLowerCase() : undefined),
    path: [],
    what: "header names (whatever their case)",
  });
});

const capture = z.strictObject({
  requestHeaders: headerNames.optional().describe("Under request_headers of the line."),
  responseHeaders: headerNames.optional().describe("Under response_headers of the line."),
  requestBody: body.optional().describe("Under request_body of the line."),
  responseBody: body.optional().describe("Under response_body of the line."),
});

const redact = z.strictObject({
  headers: headerNames
    .optional()
    .describe(
      "Header fields whose values are never written, beside Authorization, Proxy-Authorization, Cookie, Set-Cookie and the usual names of keys and tokens.",
    ),
  query: z
    .enum(["Secrets", "All"])
    .default("Secrets")
    .describe(
      "What is removed of a path's query. Secrets: values of parameters like token, access_token, code, password or signature. All: the query.",
    ),
  bodyFields: listRule(
    z
      .array(
        z
          .string()
          .min(1)
          .max(64)
          .regex(/^[\w.-]+$/, { error: "letters, digits, _, . and -" }),
      )
      .max(32),
    (items, report) => {
      reportRepeated(items, report, {
        identity: (item) => (typeof item === "string" ? item.toLowerCase() : undefined),
        path: [],
        what: "field names",
      });
    },
  )
    .default([])
    .describe(
      "Names of fields whose values are removed from captured bodies (JSON and forms), beside password, secret, token and the like.",
    ),
});

const accessLog = objectRule(
  z.strictObject({
    disabled: z
      .boolean()
      .default(false)
      .describe("Nothing is written. Of use with output ControlPlane, which is on by default."),
    match: z
      .strictObject({
        mode: z
          .enum(WORKLOAD_MODES)
          .default("CLIENT_AND_SERVER")
          .describe(
            "CLIENT: requests that the workload sends. SERVER: those that it gets. Default: both.",
          ),
      })
      .optional()
      .describe("Istio's match."),
    output: z
      .enum(["Stdout", "Stderr", "File", "ControlPlane"])
      .default("Stdout")
      .describe(
        "Where records go: the sidecar's standard output or error, a file beside it, or the control plane, which keeps them for `tulle logs` and passes them on.",
      ),
    path: z
      .string()
      .max(1024)
      .regex(/^\/\S*$/, { error: "an absolute path" })
      .optional()
      .describe("Of output File. The file is appended to, and opened anew after a rotation."),
    format: format
      .optional()
      .describe(
        "Default: a JSON line with Istio's keys. The control plane has a format of its own.",
      ),
    filter: accessLogFilter.optional().describe("Of which requests. Default: all."),
    samplingPercentage: z
      .number()
      .min(0)
      .max(100)
      .multipleOf(0.0001)
      .default(100)
      .describe("Share of what the filter lets through, drawn by chance."),
    samplePerSecond: z
      .int()
      .min(0)
      .max(SAMPLES_MAX)
      .default(0)
      .describe(
        "So many requests a second are written although the filter holds them back, to see what good ones look like.",
      ),
    capture: capture
      .optional()
      .describe("More of a request than its line says. Off unless it is asked for here."),
    redact: redact.optional().describe("What is removed, beside what always is."),
  }),
  checkAccessLog,
);

export const accessLogs = listRule(z.array(accessLog).max(LOGS_MAX), (items, report) => {
  reportRepeated(items, report, { identity: placeOf, path: ["output"], what: "places" });
});

export type AccessLogSpec = DeepReadonly<z.output<typeof accessLog>>;

/** Two logs for the same side must not write to one place: one of them would be said twice. */
function placeOf(item: unknown): string | undefined {
  const output = valueAt(item, "output") ?? "Stdout";
  return JSON.stringify([output, valueAt(item, "path"), valueAt(item, "match", "mode")]);
}

function checkAccessLog(value: LooseRecord, report: Report): void {
  const { output, path, samplePerSecond, filter } = value;
  if (output === "File" && path === undefined) {
    report({
      path: ["path"],
      message: "is required with output File",
      allowed: "an absolute path",
    });
  }
  if (output !== "File" && path !== undefined) {
    report({ path: ["path"], message: "has a meaning with output File only", allowed: "no path" });
  }
  if (output === "ControlPlane" && value["format"] !== undefined) {
    report({ path: ["format"], message: "the control plane has a format of its own" });
  }
  if (value["capture"] !== undefined && valueAt(value, "format", "text") !== undefined) {
    const message = "has no place in a text; write %REQ(NAME)% and %RESP(NAME)% into it";
    report({ path: ["capture"], message, allowed: "format.json, or no format" });
  }
  if (typeof samplePerSecond === "number" && samplePerSecond > 0 && filter === undefined) {
    const message = "has no effect without a filter: all requests are written";
    report({ path: ["samplePerSecond"], message });
  }
}

function checkFormat(text: string, path: FieldPath, report: Report): void {
  parseFormat(text, (message) => report({ path, code: "invalid-value", message }));
}

function checkJsonFormat(value: LooseRecord, report: Report): void {
  let keys = 0;
  const walk = (node: unknown, path: FieldPath, depth: number): void => {
    keys += 1;
    if (typeof node === "string") {
      if (node.length > FORMAT_LENGTH_MAX) report({ path, message: "is too long" });
      else checkFormat(node, path, report);
    } else if (depth > DEPTH_MAX) {
      report({ path, message: `is more than ${DEPTH_MAX} levels deep` });
    } else if (Array.isArray(node)) {
      for (const [index, item] of node.entries()) walk(item, [...path, index], depth + 1);
    } else if (isRecord(node)) {
      for (const [key, item] of Object.entries(node)) walk(item, [...path, key], depth + 1);
    } else if (typeof node !== "number" && typeof node !== "boolean" && node !== null) {
      report({ path, message: "is no format", allowed: "text, a number, an object or a list" });
    }
  };
  for (const [key, node] of Object.entries(value)) walk(node, [key], 1);
  if (keys > KEYS_MAX) report({ path: [], message: `has more than ${KEYS_MAX} values` });
}
