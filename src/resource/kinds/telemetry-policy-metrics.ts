/** `spec.metrics` of a TelemetryPolicy: which of Istio's metrics a workload reports, and with which labels. Istio's names. */
import { z } from "zod";
import type { DeepReadonly } from "../object.ts";
import { listRule, objectRule, reportRepeated } from "../rule.ts";
import { WORKLOAD_MODES } from "./access-log-settings.ts";

const OVERRIDES_MAX = 32;
const TAGS_MAX = 32;

/** Istio's words for its families. */
export const METRIC_FAMILIES = [
  "ALL_METRICS",
  "REQUEST_COUNT",
  "REQUEST_DURATION",
  "REQUEST_SIZE",
  "RESPONSE_SIZE",
  "TCP_OPENED_CONNECTIONS",
  "TCP_CLOSED_CONNECTIONS",
  "TCP_SENT_BYTES",
  "TCP_RECEIVED_BYTES",
  "GRPC_REQUEST_MESSAGES",
  "GRPC_RESPONSE_MESSAGES",
] as const;

const tagOverride = objectRule(
  z.strictObject({
    operation: z
      .enum(["UPSERT", "REMOVE"])
      .default("UPSERT")
      .describe("UPSERT: the label has this value. REMOVE: it is left out."),
    value: z
      .string()
      .max(256)
      .optional()
      .describe("The label's value, as it stands: no label comes of what a request says."),
  }),
  (value, report) => {
    const isRemoved = value["operation"] === "REMOVE";
    if (isRemoved === (value["value"] === undefined)) return;
    const message = isRemoved ? "has no meaning with REMOVE" : "is required with UPSERT";
    report({ path: ["value"], message });
  },
);

const override = z.strictObject({
  match: z
    .strictObject({
      metric: z.enum(METRIC_FAMILIES).default("ALL_METRICS").describe("The family."),
      mode: z
        .enum(WORKLOAD_MODES)
        .default("CLIENT_AND_SERVER")
        .describe("As whose reporter: CLIENT is source, SERVER is destination."),
    })
    .prefault({})
    .describe("What it is about."),
  disabled: z.boolean().optional().describe("The family is not reported."),
  tagOverrides: z
    .record(
      z
        .string()
        .max(64)
        .regex(/^[a-z_][a-z0-9_]*$/i, { error: "a label's name: letters, digits and _" }),
      tagOverride,
    )
    .refine((tags) => Object.keys(tags).length <= TAGS_MAX, { error: `at most ${TAGS_MAX} labels` })
    .optional()
    .describe("By name of the label."),
});

export const metricsSettings = z.strictObject({
  overrides: z
    .array(override)
    .max(OVERRIDES_MAX)
    .optional()
    .describe("In this order; what comes later goes before."),
  compatibility: listRule(z.array(z.enum(["Envoy", "Kiali"])), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => (typeof item === "string" ? item : undefined),
      path: [],
      what: "names",
    });
  })
    .optional()
    .describe(
      "More names for what is counted anyway. Envoy: its cluster and listener statistics. Kiali: the families of its extension.",
    ),
});

export type MetricsSettings = DeepReadonly<z.output<typeof metricsSettings>>;
