/**
 * A mesh written down in YAML, for tests of translation: a head document that says what to look at, then
 * mesh resources as a user writes them. Workloads stand for registered instances.
 */
import { parse } from "yaml";
import { parseDocuments } from "../../src/resource/documents.ts";
import type { AnyObject, KindName, ObjectOf } from "../../src/resource/kind-map.ts";
import { isHeadless } from "../../src/resource/kinds/service.ts";
import { registry } from "../../src/resource/registry.ts";
import { formatViolations } from "../../src/resource/violation.ts";
import { isSelected } from "../../src/translate/mesh-index.ts";
import type {
  AddressedInstance,
  MeshInstance,
  MeshInstanceHealth,
  MeshSnapshot,
  ProxyScope,
} from "../../src/translate/mesh-snapshot.ts";

/** `names`: the listener that answers name queries, which no other group shows. */
export type ResourceGroup = "clusters" | "endpoints" | "listeners" | "names" | "routes" | "secrets";

/** A request and what must become of it, in the words of `route-simulation.ts`. */
export interface FixtureRequest {
  /** `GET /products?id=1`. */
  readonly request: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `catalog:80`: the Service and port that it is sent to. Default: the fixture's first. */
  readonly to?: string;
  readonly expect: string;
}

/** The head document. */
export interface FixtureHead {
  /** The groups that the golden file shows. */
  readonly show: readonly ResourceGroup[];
  /** Where proxies reach the control plane for more than configuration; nowhere unless given. */
  readonly controlPlane?: string;
  readonly scope?: Partial<ProxyScope>;
  readonly requests?: readonly FixtureRequest[];
  /** When the snapshot was taken; default: nothing has ended. */
  readonly asOf?: string;
}

export interface MeshFixture {
  readonly head: FixtureHead;
  readonly snapshot: MeshSnapshot;
  readonly scope: ProxyScope;
}

export const TEST_TRUST_DOMAIN = "tulle.local";
/** A root that no key exists for any more: enough for Envoy to read. */
export const TEST_TRUST_BUNDLE = `-----BEGIN CERTIFICATE-----
MIIBojCCAUigAwIBAgIUddOPohlczDMm2LD7jqYtqf5rpfUwCgYIKoZIzj0EAwIw
FTETMBEGA1UECgwKVHVsbGUgdGVzdDAgFw0yNjExMjUxODM3MjlaGA8yMTI2MTEw
MTE4MzcyOVowFTETMBEGA1UECgwKVHVsbGUgdGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABD0OvsrFEwCkFg2eESmNNYaaEOpHO5xuFMqkl9Vx2X8y7GDGUk/Q
SsPoUJrzB/hdNjsaXu1ymKx5QVpAJqjGsCKjdDByMB0GA1UdDgQWBBSF2SsOy1xN
oPi8YB4xmS/pCkbNpTAfBgNVHSMEGDAWgBSF2SsOy1xNoPi8YB4xmS/pCkbNpTAf
BgNVHREEGDAWhhRzcGlmZmU6Ly90dWxsZS5sb2NhbDAPBgNVHRMBAf8EBTADAQH/
MAoGCCqGSM49BAMCA0gAMEUCIQDpAxHy8IvbrGEWQkcrzWgroOAHs9E1LcbneH4/
3cde9QIgKFdyainMnLBtRBtqeR8zMeq1pOeY4+5unlfAFFZG96E=
-----END CERTIFICATE-----
`;

/** The annotation that sets an object's creation time, which documents cannot. */
const CREATED_ANNOTATION = "test.tulle.dev/created";
/** The annotation of a Workload that sets its health. */
const HEALTH_ANNOTATION = "test.tulle.dev/health";

export const TEST_SCOPE: ProxyScope = {
  nodeId: "storefront-1",
  namespace: "default",
  serviceAccount: "storefront",
  labels: { app: "storefront" },
  zone: "",
  address: "127.37.64.1",
  ports: [{ name: "http", port: 3000, inboundPort: 15006, protocol: "http" }],
  loopbackBlock: "127.37.64.0/18",
  role: "sidecar",
};

/** Reads a fixture. Throws with every violation when a resource is not valid. */
export function parseMeshFixture(text: string, fileName: string): MeshFixture {
  const [headText = "", ...rest] = text.split(/^---\n/m);
  const head = parse(headText) as FixtureHead;
  return {
    head,
    snapshot: {
      ...snapshotOf(rest.join("---\n"), fileName),
      ...(head.asOf === undefined ? {} : { asOfMs: Date.parse(head.asOf) }),
      ...(head.controlPlane === undefined ? {} : { controlPlaneAddress: head.controlPlane }),
    },
    scope: { ...TEST_SCOPE, ...head.scope },
  };
}

/** The mesh that a file of resources describes, with an index for each Service in the order of the file. */
export function snapshotOf(text: string, fileName: string): MeshSnapshot {
  const { objects, violations } = parseDocuments(text, fileName, registry);
  if (violations.length > 0) throw new Error(formatViolations(violations));
  const instances = ofKind(objects, "Workload").map(instanceOf);
  return {
    revision: 1,
    trustDomain: TEST_TRUST_DOMAIN,
    trustBundlePem: TEST_TRUST_BUNDLE,
    meshConfig: ofKind(objects, "MeshConfig")[0],
    services: ofKind(objects, "Service").map((resource, serviceIndex) => ({
      resource,
      serviceIndex,
      ...(isHeadless(resource.spec) ? { instances: addressed(resource, instances) } : {}),
    })),
    externalServices: ofKind(objects, "ExternalService").map((resource, position) => ({
      resource,
      serviceIndex: ofKind(objects, "Service").length + position,
    })),
    grpcRoutes: ofKind(objects, "GRPCRoute"),
    httpRoutes: ofKind(objects, "HTTPRoute"),
    tcpRoutes: ofKind(objects, "TCPRoute"),
    tlsRoutes: ofKind(objects, "TLSRoute"),
    rateLimitPolicies: ofKind(objects, "RateLimitPolicy"),
    routeFilters: ofKind(objects, "RouteFilter"),
    trafficPolicies: ofKind(objects, "TrafficPolicy"),
    cachePolicies: ofKind(objects, "CachePolicy"),
    faultPolicies: ofKind(objects, "FaultPolicy"),
    gateways: ofKind(objects, "Gateway"),
    securityPolicies: ofKind(objects, "SecurityPolicy"),
    peerAuthentications: ofKind(objects, "PeerAuthentication"),
    authorizationPolicies: ofKind(objects, "AuthorizationPolicy"),
    telemetryPolicies: ofKind(objects, "TelemetryPolicy"),
    requestAuthentications: ofKind(objects, "RequestAuthentication"),
    instances,
  };
}

/** Indexes from 1000 on, in the order of the file. */
function addressed(
  { metadata, spec }: ObjectOf<"Service">,
  instances: readonly MeshInstance[],
): readonly AddressedInstance[] {
  return instances.flatMap((instance, position) =>
    instance.namespace === metadata.namespace && isSelected(instance.labels, spec.selector)
      ? [
          {
            name: instance.name,
            serviceIndex: 1000 + position,
            isUsable: instance.health === "healthy",
          },
        ]
      : [],
  );
}

/** `catalog:80`: the Service and port that requests go to which name none. */
export function firstPortOf({ services }: MeshSnapshot): string {
  const first = services[0]?.resource;
  return `${first?.metadata.name}:${first?.spec.ports[0]?.port}`;
}

function ofKind<K extends KindName>(objects: readonly AnyObject[], kind: K): ObjectOf<K>[] {
  return objects
    .filter((object): object is ObjectOf<K> => object.kind === kind)
    .map((object) => {
      const creationTimestamp = object.metadata.annotations[CREATED_ANNOTATION];
      if (creationTimestamp === undefined) return object;
      return { ...object, metadata: { ...object.metadata, creationTimestamp } };
    });
}

function instanceOf({ metadata, spec }: ObjectOf<"Workload">): MeshInstance {
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    serviceAccount: spec.serviceAccount,
    ...(spec.trustDomain === undefined ? {} : { trustDomain: spec.trustDomain }),
    labels: metadata.labels,
    zone: spec.zone,
    address: spec.address,
    ports: spec.ports.map(({ name = "", inboundPort, ...port }) => ({
      name,
      ...port,
      ...(inboundPort === undefined ? {} : { inboundPort }),
    })),
    health: (metadata.annotations[HEALTH_ANNOTATION] ?? "healthy") as MeshInstanceHealth,
    weight: spec.weight ?? 1,
  };
}
