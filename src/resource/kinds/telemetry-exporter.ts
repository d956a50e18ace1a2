/** `mesh.tulle.dev/v1 TelemetryExporter`: where traces, logs, metrics and audit records are sent besides our own store. */
import { z } from "zod";
import { objectName } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { listAt, objectRule, valueAt } from "../rule.ts";
import { exporterDelivery } from "./telemetry-exporter-delivery.ts";
import {
  exporterTargets,
  SIGNALS_OF_TARGET,
  type TargetName,
} from "./telemetry-exporter-targets.ts";

const SERVICES_MAX = 256;
const SERVICE = /^(?:\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)\/(?:\*|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/;

const filter = z.strictObject({
  services: z
    .array(
      z
        .string()
        .max(320)
        .regex(SERVICE, { error: "namespace/name, with * for any namespace or any name" }),
    )
    .max(SERVICES_MAX)
    .default([])
    .describe("Only what these services tell: shop/checkout, shop/*. Default: all."),
  minSeverity: z
    .enum(["Trace", "Debug", "Info", "Warn", "Error", "Fatal"])
    .default("Trace")
    .describe(
      "Only logs that are so severe. Access logs of failed requests are Error, others Info.",
    ),
  minStatus: z
    .int()
    .min(100)
    .max(599)
    .optional()
    .describe(
      "Only spans and logs of requests with this HTTP status or a higher one, and those that failed without one. Default: all.",
    ),
});

const specSchema = objectRule(
  z.strictObject({
    ...exporterTargets,
    signals: z
      .array(z.enum(["Traces", "Logs", "Metrics", "Audit"]))
      .min(1)
      .max(4)
      .optional()
      .describe(
        "What is sent. Default: all that the target takes but Audit, which is sent only where it is named.",
      ),
    filter: filter
      .prefault({})
      .describe("Which records are sent. Default: all. Audit records are not filtered."),
    ...exporterDelivery,
  }),
  (value, report) => {
    const names = Object.keys(SIGNALS_OF_TARGET) as readonly TargetName[];
    const [target, second] = names.filter((name) => value[name] !== undefined);
    if (target === undefined) {
      report({
        path: [],
        code: "missing-field",
        message: "says nothing of where to send",
        allowed: names.join(", "),
      });
      return;
    }
    if (second !== undefined) {
      report({
        path: [second],
        message: `must not stand beside ${target}: an exporter has one target`,
      });
    }
    const possible: readonly unknown[] = SIGNALS_OF_TARGET[target];
    for (const [index, signal] of listAt(value, "signals").entries()) {
      if (possible.includes(signal)) continue;
      report({
        path: ["signals", index],
        code: "invalid-value",
        message: `is nothing that ${target} takes`,
        allowed: possible.join(", "),
      });
    }
    for (const key of ["authentication", "tls"]) {
      if (value[key] === undefined) continue;
      const why = whyUnused(target, key, value);
      if (why !== undefined) report({ path: [key], message: why });
    }
  },
);

/** What would be passed over in silence is refused: somebody would take it for protection. */
function whyUnused(target: TargetName, key: string, spec: unknown): string | undefined {
  const transport = valueAt(spec, target, "transport");
  if (target === "file") return `means nothing to a file`;
  if (target === "syslog" && key === "authentication")
    return "syslog has no authentication but tls";
  if (key !== "tls") return undefined;
  if (target === "syslog" || target === "forward") {
    return transport === "Tls" ? undefined : `needs ${target}.transport: Tls`;
  }
  const endpoint = valueAt(spec, target, "endpoint");
  const isSecure = typeof endpoint !== "string" || endpoint.startsWith("https:");
  return isSecure ? undefined : `needs an endpoint that begins with https:`;
}

export type TelemetryExporterSpec = DeepReadonly<z.output<typeof specSchema>>;
export type TelemetryExporter = MeshObject<
  "TelemetryExporter",
  TelemetryExporterSpec,
  ObjectStatus
>;

export const telemetryExporterKind = defineKind<TelemetryExporter>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TelemetryExporter",
  plural: "telemetryexporters",
  shortNames: ["te"],
  namespaced: false,
  name: objectName(),
  spec: specSchema,
  description:
    "Sends what sidecars tell (traces, logs, metrics) and audit records to a program that people run already. The control plane sends; nothing waits for it. Files with secrets are on the machine of the control plane and are read anew for each connection or request. Cluster-scoped; only an admin may write it.",
  status: [
    { path: "conditions", description: "Accepted. `tulle check` tells whether sending works." },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: TelemetryExporter
metadata:
  name: jaeger
spec:
  otlp: {endpoint: "http://127.0.0.1:4317", protocol: Grpc}
  signals: [Traces]
`,
});
