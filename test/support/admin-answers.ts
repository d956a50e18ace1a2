/** Fixed answers of the admin API: a mesh in states that are hard to bring about on purpose. */
import type {
  ApplyResponse,
  ChecksResponse,
  ServiceView,
  VersionResponse,
} from "../../src/control-plane/api-types.ts";
import type { ProxyTypeView, ProxyView } from "../../src/control-plane/proxy-types.ts";

/** Where the clock of the commands stands. */
export const NOW_MS = Date.UTC(2026, 0, 1);
/** When everything in the answers happened. */
export const NOW = new Date(NOW_MS - 90_000).toISOString();

function proxyType(type: string, changes: Partial<ProxyTypeView> = {}): ProxyTypeView {
  return {
    type,
    typeUrl: type,
    subscribed: true,
    sentRevision: 14,
    sentAt: NOW,
    acknowledgedRevision: 14,
    acknowledgedAt: NOW,
    refused: null,
    stale: false,
    ...changes,
  };
}

function proxy(id: string, service: string, changes: Partial<ProxyView> = {}): ProxyView {
  return {
    id,
    service,
    namespace: "default",
    serviceAccount: service,
    spiffeId: `spiffe://tulle.local/ns/default/sa/${service}`,
    connected: true,
    connectedSince: NOW,
    disconnectedSince: null,
    remoteAddress: "127.0.0.1:1",
    userAgent: "tulle/0.1.0",
    version: "",
    adminAddress: null,
    protocol: "delta",
    instanceState: "healthy",
    sync: "synced",
    stale: false,
    acknowledgedRevision: 14,
    types: ["cds", "eds", "lds", "rds", "sds"].map((type) => proxyType(type)),
    ...changes,
  };
}

const OTHER_TYPES = ["eds", "lds", "rds", "sds"].map((type) => proxyType(type));
export const SYNCED = proxy("catalog-v1-aaaaa", "catalog", { version: "v1" });
export const STALE = proxy("cart-bbbbb", "cart", {
  sync: "stale",
  types: [proxyType("cds", { acknowledgedRevision: 12, stale: true }), ...OTHER_TYPES],
});
export const REFUSED = proxy("orders-ccccc", "orders", {
  sync: "refused",
  types: [
    proxyType("cds", {
      refused: { revision: 14, message: "clusters[0].lb_policy: unsupported", at: NOW },
    }),
    ...OTHER_TYPES,
  ],
});

export const VERSION: VersionResponse = {
  name: "tulle",
  version: "0.1.0",
  apiVersion: "v1",
  runtime: "node v26",
  mesh: "default",
  trustDomain: "tulle.local",
  pid: 7,
  startedAt: NOW,
  revision: 1,
  xdsAddress: "127.0.0.1:15012",
};

export const CHECKS: ChecksResponse = {
  ok: false,
  revision: 1,
  checks: [
    {
      name: "certificate-authority",
      title: "the certificate authority is valid",
      status: "pass",
      findings: [],
    },
    {
      name: "routes-of-a-newer-version",
      title: "every route is accepted",
      status: "warn",
      findings: [
        {
          severity: "warning",
          code: "backend-not-found",
          message: "backend catalog-v3 does not exist",
          object: { kind: "HTTPRoute", namespace: "default", name: "catalog" },
          path: "spec.rules[0]",
          hint: "create Service catalog-v3",
        },
      ],
    },
    {
      name: "proxies-synced",
      title: "every proxy runs what it was sent",
      status: "fail",
      findings: [{ severity: "error", code: "refused", message: "cart-bbbbb refuses" }],
    },
  ],
};

export const APPLIED: ApplyResponse = {
  dryRun: false,
  revision: 15,
  objects: [
    {
      kind: "HTTPRoute",
      namespace: "default",
      name: "catalog",
      apiVersion: "gateway.networking.k8s.io/v1",
      action: "configured",
      file: "a",
      documentIndex: 0,
    },
    {
      kind: "MeshConfig",
      namespace: "",
      name: "default",
      apiVersion: "mesh.tulle.dev/v1",
      action: "unchanged",
      file: "a",
      documentIndex: 1,
    },
  ],
  findings: [],
};

export const CATALOG: ServiceView = {
  name: "catalog",
  namespace: "default",
  host: "catalog.default.svc.tulle.local",
  kind: "Service",
  serviceIndex: 3,
  ports: [
    {
      name: "http",
      port: 80,
      listenPort: 20_080,
      targetPort: "8080",
      protocol: "http",
      protocolOrigin: "the port's name http",
    },
  ],
  selector: { app: "catalog" },
  instanceIndexes: {},
  versions: [
    {
      version: "v1",
      serving: 1,
      endpoints: [
        {
          instance: "catalog-v1-aaaaa",
          address: "127.37.0.1",
          zone: "a",
          state: "healthy",
          serving: true,
        },
        {
          instance: "catalog-v1-bbbbb",
          address: "127.37.0.2",
          zone: "",
          state: "suspect",
          serving: false,
        },
      ],
    },
  ],
  routes: [
    {
      kind: "HTTPRoute",
      namespace: "default",
      name: "catalog",
      accepted: true,
      rules: [
        {
          matches: ["header x-beta = yes"],
          filters: [],
          backends: [{ name: "catalog-v2", namespace: "default", port: 80, weight: 1, share: 1 }],
        },
        {
          matches: ["path prefix /"],
          filters: ["set request header x-canary"],
          backends: [
            { name: "catalog-v1", namespace: "default", port: 80, weight: 90, share: 0.9 },
            { name: "catalog-v2", namespace: "default", port: 80, weight: 10, share: 0.1 },
          ],
        },
      ],
    },
  ],
  policy: [
    { field: "loadBalancer", value: "peak_ewma", origin: "built-in default" },
    { field: "connectTimeout", value: "2s", origin: "TrafficPolicy default/catalog" },
  ],
  findings: [{ severity: "warning", code: "no-instance", message: "catalog-v2 has no instance" }],
};
