/** `mesh.tulle.dev/v1 ExternalService`: hosts outside the mesh, which apps call by a name like a Service. */
import { isIP } from "node:net";
import { z } from "zod";
import { dnsLabel, dnsLabel1035, duration, portNumber } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject } from "../object.ts";
import { listAt, listRule, objectRule, reportRepeated, stringRule, valueAt } from "../rule.ts";
import { DNS_NAME, originationTls } from "./origination-tls.ts";
import { hostname } from "./route-hostname.ts";
import type { ServicePort, ServiceStatus } from "./service.ts";

const address = stringRule(z.string().min(1).max(253), (text, report) => {
  if (isIP(text) !== 0 || DNS_NAME.test(text)) return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be an IP address or a DNS name in lower case",
    allowed: "an IP address or a DNS name",
  });
});

const endpoint = z.strictObject({
  address: address.describe("An IP address, or a name that sidecars resolve."),
  port: portNumber().optional().describe("Default: the port's targetPort."),
  zone: z.string().max(63).default("").describe("Where it is; empty when that says nothing."),
  weight: z.int().min(1).max(128).default(1).describe("Its share among the endpoints."),
});

const port = z.strictObject({
  name: dnsLabel()
    .optional()
    .describe("Required when there are several ports. Tells the protocol as a Service's does."),
  port: portNumber().describe("The port that callers use."),
  targetPort: portNumber().optional().describe("The host's port. Default: the same as port."),
  appProtocol: z
    .string()
    .min(1)
    .max(317)
    .optional()
    .describe("What callers speak: http, http2, grpc, tls, tcp, …, as on a Service."),
});

const ports = listRule(z.array(port).min(1).max(16), (items, report) => {
  for (const field of ["name", "port"]) {
    reportRepeated(items, report, {
      identity: (item) => {
        const value = valueAt(item, field);
        return value === undefined ? undefined : JSON.stringify(value);
      },
      path: [field],
      what: `each ${field}`,
    });
  }
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
    hosts: z
      .array(hostname)
      .min(1)
      .max(32)
      .describe(
        "Names of the hosts. A request that names another host in Host gets the first one that is no wildcard.",
      ),
    ports: ports.describe("What callers reach."),
    endpoints: z
      .array(endpoint)
      .max(64)
      .optional()
      .describe("Where the hosts are. Default: the first of hosts is resolved."),
    resolution: z
      .enum(["StrictDNS", "LogicalDNS"])
      .default("StrictDNS")
      .describe(
        "Of names. StrictDNS: every address of a name is an endpoint. LogicalDNS: new connections go to the first address, for names with many that change all the time; one name only.",
      ),
    dns: z
      .strictObject({
        refreshRate: duration({ minMs: 1000, maxMs: 24 * 3_600_000 })
          .default("5s")
          .describe(
            "How often a name is resolved when the answer does not say for how long it holds.",
          ),
        respectTtl: z.boolean().default(true).describe("Whether the answer says."),
        family: z
          .enum(["Auto", "IPv4", "IPv6", "All"])
          .default("Auto")
          .describe("Auto: IPv6, and IPv4 where a name has none of it."),
      })
      .prefault({})
      .describe("How names are resolved. Addresses stay in use while a resolver fails."),
    tls: originationTls
      .optional()
      .describe("Callers speak plain text and their sidecars TLS (origination). Default: no TLS."),
  }),
  (spec, report) => {
    const endpoints = listAt(spec, "endpoints");
    const hosts = listAt(spec, "hosts");
    if (endpoints.length === 0 && String(hosts[0] ?? "").startsWith("*")) {
      report({
        path: ["endpoints"],
        code: "missing-field",
        message: `are missing; the wildcard ${String(hosts[0])} cannot be resolved`,
        allowed: "addresses that take requests for all of these names",
      });
    }
    if (spec["resolution"] === "LogicalDNS" && endpoints.length > 1) {
      report({
        path: ["resolution"],
        message: `is LogicalDNS, which takes one name; there are ${endpoints.length} endpoints`,
      });
    }
    const isNameless = hosts.every((host) => String(host).startsWith("*"));
    if (spec["tls"] !== undefined && isNameless && valueAt(spec, "tls", "sni") === undefined) {
      report({
        path: ["tls", "sni"],
        code: "missing-field",
        message: "is missing; a wildcard is no server name",
        allowed: "a DNS name",
      });
    }
  },
);

export type ExternalServiceSpec = DeepReadonly<z.output<typeof specSchema>>;
export type ExternalServiceEndpoint = NonNullable<ExternalServiceSpec["endpoints"]>[number];
export type ExternalService = MeshObject<"ExternalService", ExternalServiceSpec, ServiceStatus>;

/** Its first host that a request can name. */
export function namedHost({ hosts }: ExternalServiceSpec): string | undefined {
  return hosts.find((host) => !host.startsWith("*"));
}

/** Where it is, when it says nothing: at its first host. */
export function endpointsOf(spec: ExternalServiceSpec): readonly ExternalServiceEndpoint[] {
  if (spec.endpoints !== undefined && spec.endpoints.length > 0) return spec.endpoints;
  return [{ address: namedHost(spec) ?? spec.hosts[0] ?? "", zone: "", weight: 1 }];
}

/** Its ports as those of a Service. */
export function servicePorts(spec: ExternalServiceSpec): readonly ServicePort[] {
  return spec.ports.map((own) => ({ ...own, protocol: "TCP" }));
}

export const externalServiceKind = defineKind<ExternalService>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "ExternalService",
  plural: "externalservices",
  shortNames: ["es"],
  namespaced: true,
  name: dnsLabel1035(),
  spec: specSchema,
  description:
    "Hosts outside the mesh. Apps call them by the object's name, as they call a Service, and their sidecars resolve, balance, retry, and speak TLS where that is asked for. Routes name it as a parent or a backend, policies as a target, with group mesh.tulle.dev and kind ExternalService.",
  status: [
    { path: "conditions", description: "Accepted: whether the mesh can serve it." },
    {
      path: "serviceIndex",
      description: "Its position in every sidecar's block of loopback addresses.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: ExternalService
metadata:
  name: payments-api
spec:
  hosts: [api.payments.example]
  ports:
    - {name: http, port: 80, targetPort: 443}
  tls: {subjectAltNames: [api.payments.example]}
`,
});
