/** `mesh.tulle.dev/v1 Workload`: one running instance. Sidecars register theirs; others are written by hand. */
import { isIP } from "node:net";
import { z } from "zod";
import { dnsLabel, dnsSubdomain, portNumber } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { INSTANCE_PROTOCOLS } from "../port-protocol.ts";
import { listRule, reportRepeated, stringRule, valueAt } from "../rule.ts";

/** Envoy's ceiling for the weight of an endpoint is higher; more makes load balancers slow and helps nobody. */
export const INSTANCE_WEIGHT_MAX = 128;

const port = z.strictObject({
  name: dnsLabel().optional().describe("What a Service's targetPort can refer to."),
  port: portNumber().describe("Where the app listens."),
  inboundPort: portNumber()
    .optional()
    .describe(
      "Where its sidecar takes mutual TLS for the app's port. Without it there is no sidecar, and callers reach port in plain text.",
    ),
  protocol: z
    .enum(INSTANCE_PROTOCOLS)
    .default("http")
    .describe(
      "What the app speaks there. http: HTTP as its callers speak it; http2 and grpc: HTTP/2 only; tls and tcp: passed through; auto: it does not say.",
    ),
});

const specSchema = z.strictObject({
  address: stringRule(z.string().min(1).max(45), (text, report) => {
    if (isIP(text) !== 0) return;
    report({
      path: [],
      code: "invalid-value",
      message: "must be an IPv4 or IPv6 address",
      allowed: "an IPv4 or IPv6 address",
    });
  }).describe("Where callers' sidecars reach it."),
  serviceAccount: dnsSubdomain()
    .default("default")
    .describe("The last part of its identity, spiffe://<trust domain>/ns/<namespace>/sa/<this>."),
  trustDomain: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[a-z0-9._-]+$/, { error: "a SPIFFE trust domain: a-z, 0-9, ., - and _" })
    .optional()
    .describe(
      "The first part of its identity, for an instance in another mesh that a TrustDomainFederation is about. Default: the mesh's own.",
    ),
  zone: z.string().max(63).default("").describe("Where it runs; empty when that says nothing."),
  weight: z
    .int()
    .min(1)
    .max(INSTANCE_WEIGHT_MAX)
    .optional()
    .describe(
      "Its share among the instances of a service. Default: its label mesh.tulle.dev/weight, else 1.",
    ),
  ports: listRule(z.array(port).min(1).max(64), (items, report) => {
    for (const field of ["name", "port", "inboundPort"]) {
      reportRepeated(items, report, {
        identity: (item) => JSON.stringify(valueAt(item, field)),
        path: [field],
        what: `each ${field}`,
      });
    }
  }).describe("What it serves."),
});

export type WorkloadSpec = DeepReadonly<z.output<typeof specSchema>>;
export type WorkloadPort = WorkloadSpec["ports"][number];

/** As its sidecar reports it. `Unknown` for one written by hand, which gets traffic too. */
export type WorkloadHealth = "Healthy" | "Unhealthy" | "Draining" | "Unknown";

/** Written by the control plane. */
export interface WorkloadStatus extends ObjectStatus {
  readonly health?: WorkloadHealth;
  /** The control plane registered it for a sidecar and removes it when that is gone. */
  readonly registered?: boolean;
  /** Taken out of service by `tulle drain`: it gets no new requests. */
  readonly maintenance?: boolean;
}

export type Workload = MeshObject<"Workload", WorkloadSpec, WorkloadStatus>;

export const workloadKind = defineKind<Workload>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "Workload",
  plural: "workloads",
  shortNames: ["wl"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "One instance of a service. A sidecar registers its own; one written by hand stands for a process without a sidecar, as on another machine. Services select it by metadata.labels; its label version is the version that metrics and views show.",
  status: [
    { path: "health", description: "Healthy, Unhealthy, Draining or Unknown." },
    { path: "registered", description: "True when a sidecar's registration made it." },
    { path: "maintenance", description: "True from `tulle drain` to `tulle undrain`." },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata:
  name: catalog-v1-legacy
  labels: {app: catalog, version: v1}
spec:
  address: 192.0.2.10
  serviceAccount: catalog
  zone: zone-a
  ports:
    - {name: http, port: 8080, protocol: http}
`,
});
