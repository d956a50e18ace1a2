/** `mesh.tulle.dev/v1 MeshConfig`: what holds for the whole mesh. There is one, named `default`. */
import { isIP } from "node:net";
import { z } from "zod";
import { dnsLabel, duration, portNumber } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { OPAQUE_PORTS_DEFAULT } from "../port-protocol.ts";
import { listRule, reportRepeated, stringRule } from "../rule.ts";
import { extensionProviders } from "./extension-provider.ts";
import { meshAccess, meshAudit, meshQuotas } from "./mesh-access.ts";
import { pathNormalization } from "./path-normalization.ts";
import { ROOT_NAMESPACE_DEFAULT } from "./root-namespace.ts";
import { trafficSettingsWhole } from "./traffic-settings.ts";

/** The name of the only MeshConfig. */
export const MESH_CONFIG_NAME = "default";
/** SPIFFE-ID section 2.1. */
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const HOUR_MS = 3_600_000;
/** More would be a mistake. */
const TRUSTED_PROXIES_MAX = 16;

const certificates = z.strictObject({
  lifetime: duration({ minMs: 60_000, maxMs: 30 * 24 * HOUR_MS })
    .default("24h")
    .describe("Of a workload's certificate. It is renewed at a random 45 to 55 % of its life."),
  rootLifetime: duration({ minMs: 24 * HOUR_MS, maxMs: 99_999 * HOUR_MS })
    .default("87600h")
    .describe("Of the root certificate. Read when the control plane makes a root."),
  joinTokenLifetime: duration({ minMs: 1000, maxMs: HOUR_MS })
    .default("10m")
    .describe("How long a join token can be turned into a first certificate."),
});

const registry = z.strictObject({
  gracePeriod: duration({ maxMs: 24 * HOUR_MS })
    .default("30s")
    .describe(
      "How long an instance whose sidecar is gone is remembered. It gets no traffic meanwhile.",
    ),
  reconnectWindow: duration({ maxMs: 24 * HOUR_MS })
    .default("60s")
    .describe(
      "How long after its start the control plane serves instances from before that have not come back yet.",
    ),
  emptySetHold: duration({ maxMs: 24 * HOUR_MS })
    .default("10m")
    .describe(
      "When all instances of a service (two or more) are lost within seconds and none has said goodbye, callers keep them for so long, with a finding on the Service: more likely the control plane has lost sight of them. 0s: never.",
    ),
});

const accessLog = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether every sidecar writes a JSON line for each request, with Istio's keys."),
  path: z
    .string()
    .regex(/^\/\S*$/, { error: "an absolute path of a file, or /dev/stdout" })
    .default("/dev/stdout")
    .describe("Where the lines go, on the machine of the sidecar. The file is appended to."),
});

const protocolDetection = z.strictObject({
  timeout: duration({ maxMs: 60_000 })
    .default("10s")
    .describe(
      "How long the first bytes of a connection to a port of undeclared protocol are awaited, from either side; then it is passed through as opaque TCP. 0s: without limit.",
    ),
  opaquePorts: listRule(z.array(portNumber()).max(256), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => JSON.stringify(item),
      path: [],
      what: "ports",
    });
  })
    .default([...OPAQUE_PORTS_DEFAULT])
    .describe(
      "Ports, of Services or of their instances, that carry opaque TCP unless the Service declares something else. Replaces the default list.",
    ),
});

const nameServer = stringRule(z.string().min(1).max(53), (text, report) => {
  if (parseNameServer(text) !== undefined) return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be an IP address, with a port behind it where that is not 53",
    allowed: "192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353",
  });
});

/** Whether a text is an IP address, or one with the length of its network behind a slash. */
export function isNetwork(text: string): boolean {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const version = isIP(match?.[1] ?? "");
  return version !== 0 && Number(match?.[2] ?? 0) <= (version === 4 ? 32 : 128);
}

/** Address and port of a name server; undefined when `text` is none. */
export function parseNameServer(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? text;
  const port = Number(match?.[3] ?? 53);
  return isIP(host) === 0 || port < 1 || port > 65_535 ? undefined : { host, port };
}

const dns = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      "Whether every sidecar answers name queries of its app, by UDP and TCP, at port 15053 of its own loopback address.",
    ),
  servers: listRule(z.array(nameServer).max(3), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => JSON.stringify(item),
      path: [],
      what: "servers",
    });
  })
    .default([])
    .describe(
      "Name servers for all other names, as 192.0.2.53 or 192.0.2.53:5353. Default: those of the sidecar's system.",
    ),
  timeout: duration({ minMs: 1000, maxMs: 30_000 })
    .default("2s")
    .describe(
      "How long one of them is waited for; then the next one is asked, or the first again.",
    ),
});

const authorization = z.strictObject({
  defaultAction: z
    .enum(["Allow", "Deny"])
    .default("Allow")
    .describe(
      "What becomes of requests and connections to a workload without an ALLOW policy. Deny: nothing is let in that no AuthorizationPolicy allows, in the whole mesh.",
    ),
});

const network = stringRule(z.string().min(1).max(64), (text, report) => {
  if (isNetwork(text)) return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be an IP address or a network",
    allowed: "127.0.0.0/8 or ::1",
  });
});

const fetching = z.strictObject({
  allowedAddresses: z
    .array(network)
    .max(64)
    .default([])
    .describe(
      "Networks that the control plane may fetch from although they are loopback, link-local or a cloud's metadata service, where an object names a URL there (jwksUri, an issuer). Others are open.",
    ),
});

const specSchema = z.strictObject({
  trustDomain: z
    .string()
    .min(1)
    .max(255)
    .regex(TRUST_DOMAIN, { error: "a SPIFFE trust domain: a-z, 0-9, ., - and _" })
    .default("tulle.local")
    .describe(
      "The first part of every identity: spiffe://<trust domain>/ns/<namespace>/sa/<service account>. Read when the control plane starts; a change gives every workload a new identity.",
    ),
  rootNamespace: dnsLabel()
    .default(ROOT_NAMESPACE_DEFAULT)
    .describe(
      "Policies for workloads (AuthorizationPolicy and its kin) that live in this namespace hold for all namespaces.",
    ),
  fetching: fetching.prefault({}).describe("What the control plane fetches at an object's word."),
  authorization: authorization
    .prefault({})
    .describe("Who may call whom, where no AuthorizationPolicy says."),
  extensionProviders: extensionProviders
    .default([])
    .describe("Services that decide about requests, for AuthorizationPolicies of action CUSTOM."),
  certificates: certificates.prefault({}).describe("Lifetimes of what the built-in CA issues."),
  registry: registry.prefault({}).describe("When instances come and go."),
  accessLog: accessLog.prefault({}).describe("A line about each request, off by default."),
  protocolDetection: protocolDetection
    .prefault({})
    .describe("What is made of Service ports that declare no protocol."),
  dns: dns.prefault({}).describe("How apps find names of the mesh."),
  pathNormalization: pathNormalization
    .prefault({})
    .describe("One spelling of each path: what is judged is what the app gets."),
  access: meshAccess.prefault({}).describe("Who may use the control plane's own API."),
  quotas: meshQuotas.prefault({}).describe("How much the control plane takes."),
  audit: meshAudit
    .prefault({})
    .describe("What the audit log hears of sidecars, and what is suspicious."),
  numTrustedProxies: z
    .int()
    .min(0)
    .max(TRUSTED_PROXIES_MAX)
    .default(0)
    .describe(
      "How many proxies in front of an app's sidecar are believed in what they add to x-forwarded-for: 1 for a gateway or load balancer that writes the client's address down. It decides what remoteIpBlocks of an AuthorizationPolicy and access logs take for the client. 0: nobody is believed, the client is whoever connects.",
    ),
  defaults: trafficSettingsWhole
    .prefault({})
    .describe("What holds where no TrafficPolicy says otherwise, field by field."),
});

export type MeshConfigSpec = DeepReadonly<z.output<typeof specSchema>>;
export type MeshConfig = MeshObject<"MeshConfig", MeshConfigSpec, ObjectStatus>;

/** What holds while there is no MeshConfig: every field's default. */
export function defaultMeshConfigSpec(): MeshConfigSpec {
  return specSchema.parse({});
}

export const meshConfigKind = defineKind<MeshConfig>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "MeshConfig",
  plural: "meshconfigs",
  shortNames: ["mc"],
  namespaced: false,
  name: z.literal(MESH_CONFIG_NAME),
  spec: specSchema.prefault({}),
  description:
    "Settings of the whole mesh. It is cluster-scoped and there is one at most, named default; without it every default below holds.",
  status: [{ path: "conditions", description: "Accepted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: MeshConfig
metadata:
  name: default
spec:
  trustDomain: shop.example
  certificates: {lifetime: 12h}
  defaults:
    loadBalancer: {algorithm: LeastRequest}
    timeouts: {request: 15s}
`,
});
