/**
 * Core `v1 Service`: what gives a set of instances a name and ports. The schema takes everything
 * that a Service written for Kubernetes holds; fields that only a cluster can act upon are kept
 * and have no effect here.
 */
import { z } from "zod";
import { dnsLabel, dnsLabel1035, portNumber } from "../fields.ts";
import { defineKind } from "../kind.ts";
import { labels } from "../metadata.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { listRule, objectRule, reportRepeated, valueAt } from "../rule.ts";

/** RFC 6335 section 5.1: a service name. */
const PORT_NAME = /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/** Marks fields that have a meaning on a cluster only. */
const CLUSTER_ONLY = "Kept for Kubernetes; no effect on the mesh.";

const port = z.strictObject({
  name: dnsLabel()
    .optional()
    .describe(
      "Required when there are several ports. A prefix up to the first - tells the protocol when appProtocol is not set: http, http2, grpc, grpc-web, https, tls, tcp, mysql, postgres, redis, mongo, …",
    ),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).default("TCP").describe("Only TCP ports are meshed."),
  appProtocol: z
    .string()
    .min(1)
    .max(317)
    .optional()
    .describe(
      "What is spoken on the port: http, http2, grpc, kubernetes.io/h2c, kubernetes.io/ws, https, kubernetes.io/wss, tls, tcp, mysql, …. Where neither it nor the name says, the first bytes of each connection tell.",
    ),
  port: portNumber().describe("The port that callers use."),
  targetPort: z
    .union(
      [
        portNumber(),
        z
          .string()
          .min(1)
          .max(15)
          .regex(PORT_NAME, { error: "a port name: a-z, 0-9 and single -, at most 15" }),
      ],
      { error: "a port number (1 to 65535) or a port name (at most 15 characters)" },
    )
    .optional()
    .describe("Number or name of the instance's port. Default: the same as port."),
  nodePort: z.int().min(0).max(65535).optional().describe(CLUSTER_ONLY),
});

const ports = listRule(z.array(port).max(100), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => {
      const name = valueAt(item, "name");
      return typeof name === "string" ? name : undefined;
    },
    path: ["name"],
    what: "port names",
  });
  reportRepeated(items, report, {
    identity: (item) => JSON.stringify([valueAt(item, "port"), valueAt(item, "protocol")]),
    path: ["port"],
    what: "ports of one protocol",
  });
  if (items.length < 2) return;
  for (const [index, item] of items.entries()) {
    if (valueAt(item, "name") !== undefined) continue;
    report({
      path: [index, "name"],
      code: "missing-field",
      message: "is missing; each port needs a name when there are several",
      allowed: "a DNS label",
    });
  }
});

const specSchema = objectRule(
  z.strictObject({
    selector: labels()
      .optional()
      .describe("Instances whose labels hold all of these serve this Service."),
    ports: ports.default([]).describe("At least one, unless headless or ExternalName."),
    type: z
      .enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])
      .default("ClusterIP")
      .describe("All but ExternalName are the same to the mesh."),
    clusterIP: z
      .string()
      .max(45)
      .optional()
      .describe(
        `None for headless: callers reach each instance by a name and an address of its own too. ${CLUSTER_ONLY}`,
      ),
    clusterIPs: z.array(z.string().max(45)).max(2).optional().describe(CLUSTER_ONLY),
    externalIPs: z.array(z.string().max(45)).max(64).optional().describe(CLUSTER_ONLY),
    externalName: z.string().max(253).optional().describe(CLUSTER_ONLY),
    externalTrafficPolicy: z.enum(["Cluster", "Local"]).optional().describe(CLUSTER_ONLY),
    internalTrafficPolicy: z.enum(["Cluster", "Local"]).optional().describe(CLUSTER_ONLY),
    healthCheckNodePort: z.int().min(0).max(65535).optional().describe(CLUSTER_ONLY),
    ipFamilies: z
      .array(z.enum(["IPv4", "IPv6"]))
      .max(2)
      .optional()
      .describe(CLUSTER_ONLY),
    ipFamilyPolicy: z
      .enum(["SingleStack", "PreferDualStack", "RequireDualStack"])
      .optional()
      .describe(CLUSTER_ONLY),
    allocateLoadBalancerNodePorts: z.boolean().optional().describe(CLUSTER_ONLY),
    loadBalancerClass: z.string().max(317).optional().describe(CLUSTER_ONLY),
    loadBalancerIP: z.string().max(45).optional().describe(CLUSTER_ONLY),
    loadBalancerSourceRanges: z
      .array(z.string().max(49))
      .max(256)
      .optional()
      .describe(CLUSTER_ONLY),
    publishNotReadyAddresses: z.boolean().optional().describe(CLUSTER_ONLY),
    sessionAffinity: z.enum(["None", "ClientIP"]).optional().describe(CLUSTER_ONLY),
    sessionAffinityConfig: z
      .strictObject({
        clientIP: z
          .strictObject({ timeoutSeconds: z.int().min(1).max(86_400).optional() })
          .optional(),
      })
      .optional()
      .describe(CLUSTER_ONLY),
    trafficDistribution: z.string().max(64).optional().describe(CLUSTER_ONLY),
  }),
  (spec, report) => {
    if (spec["type"] === "ExternalName") {
      if (spec["externalName"] !== undefined) return;
      report({
        path: ["externalName"],
        code: "missing-field",
        message: "is missing; a Service of type ExternalName needs it",
      });
      return;
    }
    if (spec["clusterIP"] === "None") return;
    if (!Array.isArray(spec["ports"]) || spec["ports"].length > 0) return;
    report({
      path: ["ports"],
      code: "missing-field",
      message: "is missing or empty; a Service needs at least one port",
      allowed: "at least one port",
    });
  },
);

export type ServiceSpec = DeepReadonly<z.output<typeof specSchema>>;
export type ServicePort = ServiceSpec["ports"][number];

/** Written by the control plane. */
export interface ServiceStatus extends ObjectStatus {
  /**
   * Position of the Service in every sidecar's block of loopback addresses (outbound listeners bind
   * block + 256 + it). Given once, free again when the Service is deleted.
   */
  readonly serviceIndex?: number;
  /** Of a headless Service: the same for each instance that has an address of its own, by its name. */
  readonly instanceIndexes?: Readonly<Record<string, number>>;
}

export type Service = MeshObject<"Service", ServiceSpec, ServiceStatus>;

/** Whether callers tell its instances apart: Kubernetes' headless Service. */
export function isHeadless({ clusterIP }: ServiceSpec): boolean {
  return clusterIP === "None";
}

/** The instance's port, by number or name: `targetPort`, else the port itself. */
export function targetPortOf(port: ServicePort): number | string {
  return port.targetPort ?? port.port;
}

export const serviceKind = defineKind<Service>({
  apiVersion: "v1",
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  namespaced: true,
  name: dnsLabel1035(),
  spec: specSchema,
  description:
    "A name and ports for the instances whose labels its selector matches. Callers reach it by its name; routes and policies refer to it. A version of a service is a Service of its own, whose selector asks for one more label.",
  status: [
    { path: "conditions", description: "Accepted: whether the mesh can serve it." },
    {
      path: "serviceIndex",
      description: "Its position in every sidecar's block of loopback addresses.",
    },
    {
      path: "instanceIndexes",
      description: "Of a headless Service: the same for each of its instances, by name.",
    },
  ],
  example: `apiVersion: v1
kind: Service
metadata:
  name: catalog
spec:
  selector: {app: catalog}
  ports:
    - {name: http, port: 80, targetPort: 8080}
`,
});
