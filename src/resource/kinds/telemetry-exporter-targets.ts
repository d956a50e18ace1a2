/** The targets of a TelemetryExporter, one of which it has: what each needs to know besides how to deliver. */
import { z } from "zod";
import { duration, portNumber } from "../fields.ts";
import { objectRule, stringRule } from "../rule.ts";

const PATH = /^\/\S*$/;
const DAY_MS = 86_400_000;
const FILE_BYTES_MIN = 65_536;
const FILE_BYTES_MAX = 4 * 1024 ** 3;
const LABELS_MAX = 8;

const endpoint = (example: string) =>
  stringRule(z.string().min(1).max(2048), (text, report) => {
    const parsed = URL.parse(text);
    const isUrl = parsed?.protocol === "https:" || parsed?.protocol === "http:";
    if (isUrl && parsed.username === "" && parsed.password === "" && parsed.search === "") return;
    report({
      path: [],
      code: "invalid-value",
      message: "must be an http or https URL without a user and a query",
      allowed: example,
    });
  });

const host = () =>
  z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9_.:-]+$/, { error: "a host name or an IP address" });

/** Which of them there must be, `placed` says. */
const place = {
  host: host().optional().describe("Where it listens. Not with transport Unix."),
  port: portNumber().optional().describe("Its port. Default: the protocol's own."),
  path: z
    .string()
    .max(107)
    .regex(PATH, { error: "an absolute path" })
    .optional()
    .describe("The socket, with transport Unix."),
};

function placed<T extends z.ZodType>(schema: T): T {
  return objectRule(schema, ({ transport, host: named, path }, report) => {
    const isUnix = transport === "Unix";
    if ((isUnix ? path : named) !== undefined) return;
    report({
      path: [],
      code: "missing-field",
      message: "says nothing of where it listens",
      allowed: isUnix ? "path" : "host",
    });
  });
}

const otlp = z.strictObject({
  endpoint: endpoint("http://127.0.0.1:4318, or :4317 with protocol Grpc").describe(
    "The base: /v1/traces, /v1/logs and /v1/metrics are added behind it for protocol Http. With https TLS is used.",
  ),
  protocol: z
    .enum(["Http", "Grpc"])
    .default("Http")
    .describe("OTLP/HTTP with protobuf bodies, or OTLP/gRPC."),
  temporality: z
    .enum(["Cumulative", "Delta"])
    .default("Cumulative")
    .describe(
      "Of counters and histograms: since the sidecar's start, or since the last time, which some vendors want.",
    ),
});

const zipkin = z.strictObject({
  endpoint: endpoint("http://127.0.0.1:9411/api/v2/spans").describe(
    "Where spans are posted, whole: http://127.0.0.1:9411/api/v2/spans.",
  ),
});

const indexName = () =>
  z
    .string()
    .min(1)
    .max(255)
    .regex(/^[a-z0-9.][a-z0-9._-]*$/, { error: "an index name in lower case" });

const elasticsearch = z.strictObject({
  endpoint: endpoint("http://127.0.0.1:9200").describe(
    "Of Elasticsearch, OpenSearch, or what has their _bulk; /_bulk is added behind it.",
  ),
  dataStream: indexName()
    .default("logs-tulle.access-default")
    .describe(
      "The data stream that documents are created in. deploy/elasticsearch has its template.",
    ),
  index: indexName()
    .optional()
    .describe("Instead of a data stream: an index, or an alias of one that may be written."),
});

const loki = z.strictObject({
  endpoint: endpoint("http://127.0.0.1:3100/loki/api/v1/push").describe(
    "Where lines are pushed, whole: http://127.0.0.1:3100/loki/api/v1/push.",
  ),
  labels: z
    .record(
      z
        .string()
        .max(64)
        .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, { error: "a label's name" }),
      z.string().min(1).max(256),
    )
    .refine((labels) => Object.keys(labels).length <= LABELS_MAX, {
      error: `at most ${LABELS_MAX} labels: each set of values is a stream of its own`,
    })
    .default({ job: "tulle" })
    .describe(
      "Of every stream, beside service_name, service_namespace and level. All else is structured metadata.",
    ),
  tenant: z
    .string()
    .min(1)
    .max(150)
    .regex(/^[A-Za-z0-9!._*'()-]+$/, { error: "a tenant's name" })
    .optional()
    .describe("Sent as X-Scope-OrgID."),
});

const forward = placed(
  z.strictObject({
    transport: z
      .enum(["Tcp", "Tls", "Unix"])
      .default("Tcp")
      .describe("How it is reached. Unix: a socket of this machine."),
    ...place,
    tag: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9_.-]+$/, { error: "words joined by dots" })
      .default("tulle")
      .describe("What tags begin with: tulle.access, tulle.audit."),
    acknowledge: z
      .boolean()
      .default(true)
      .describe(
        "Whether each chunk waits for its acknowledgement. false, for receivers that send none: what is on the way when a connection ends is lost.",
      ),
    sharedKeyFile: z
      .string()
      .max(4096)
      .regex(PATH, { error: "an absolute path" })
      .optional()
      .describe("The file with shared_key of its security section."),
  }),
);

const syslog = placed(
  z.strictObject({
    transport: z
      .enum(["Udp", "Tcp", "Tls", "Unix"])
      .default("Tcp")
      .describe(
        "RFC 5426, RFC 6587 with octet counting, RFC 5425, or a stream socket of this machine. Syslog acknowledges nothing: what is on the way when a connection ends may be lost.",
      ),
    ...place,
    facility: z
      .int()
      .min(0)
      .max(23)
      .optional()
      .describe("Default: 16 (local0) for access logs, 13 (log audit) for audit records."),
  }),
);

const file = z.strictObject({
  path: z
    .string()
    .max(4096)
    .regex(PATH, { error: "an absolute path" })
    .describe(
      "A file on the machine of the control plane, in a folder that exists. Lines of JSON.",
    ),
  maxBytes: z
    .int()
    .min(FILE_BYTES_MIN)
    .max(FILE_BYTES_MAX)
    .default(64 * 1024 * 1024)
    .describe("A larger file is put aside, with the time in its name, and a new one begun."),
  maxAge: duration({ minMs: 60_000, maxMs: 366 * DAY_MS })
    .default("24h")
    .describe("An older one, too."),
  keep: z.int().min(0).max(1000).default(10).describe("So many of those put aside are kept."),
  compress: z.boolean().default(true).describe("Whether those put aside are compressed (gzip)."),
});

export const exporterTargets = {
  otlp: otlp
    .optional()
    .describe("OpenTelemetry's own protocol: collectors, Jaeger, Tempo, vendors."),
  zipkin: zipkin.optional().describe("Zipkin's JSON, version 2, and what takes it."),
  elasticsearch: elasticsearch
    .optional()
    .describe("Elasticsearch or OpenSearch, with the fields of ECS."),
  loki: loki.optional().describe("Loki's push API, and what has it."),
  forward: forward.optional().describe("Fluentd and Fluent Bit, by their forward protocol."),
  syslog: syslog.optional().describe("Syslog, RFC 5424."),
  file: file.optional().describe("Files that are rotated."),
};

export type TargetName = keyof typeof exporterTargets;

/** What each takes; the first ones up to Audit are its default. */
export const SIGNALS_OF_TARGET = {
  otlp: ["Traces", "Logs", "Metrics", "Audit"],
  zipkin: ["Traces"],
  elasticsearch: ["Logs", "Audit"],
  loki: ["Logs", "Audit"],
  forward: ["Logs", "Audit"],
  syslog: ["Logs", "Audit"],
  file: ["Logs", "Traces", "Audit"],
} as const satisfies Readonly<Record<TargetName, readonly string[]>>;
