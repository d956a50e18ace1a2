/**
 * Who calls whom in meshes that were never there: a shop in which payment fails, a catalogue is divided and one caller is not
 * secured; and a large mesh of layers in namespaces, as companies have them. The same every time.
 */
import type {
  EdgesResponse,
  EdgeTraffic,
  HealthState,
  RoutesResponse,
  ServiceRef,
  ServicesResponse,
  ServiceTraffic,
  TelemetryWindow,
  TrafficFigures,
} from "../../src/control-plane/telemetry-types.ts";
import { SeededPrng } from "../../src/core/prng.ts";

const WINDOW_SECONDS = 900;
const STEPS = 45;
const WINDOW: TelemetryWindow = {
  from: "2026-11-26T10:15:00.000Z",
  to: "2026-11-26T10:30:00.000Z",
  stepSeconds: WINDOW_SECONDS / STEPS,
};

export interface FixtureTopology {
  readonly services: ServicesResponse;
  readonly edges: EdgesResponse;
  readonly routes: RoutesResponse;
}

/** Caller, called, requests/s, share of errors, how it is secured. */
type Call = readonly [
  from: string,
  to: string,
  rate: number,
  errors?: number,
  EdgeTraffic["security"]?,
];

const SHOP: readonly Call[] = [
  ["ingress", "storefront", 240],
  ["storefront", "catalog", 180],
  // What callers tell of the same requests.
  ["storefront", "catalog-v1", 162, 0, "unknown"],
  ["storefront", "catalog-v2", 18, 0, "unknown"],
  ["storefront", "cart", 96, 0.0004],
  ["storefront", "recommendations", 88],
  ["storefront", "users", 41],
  ["storefront", "search", 35],
  ["recommendations", "catalog", 70],
  ["recommendations", "catalog-v1", 63, 0, "unknown"],
  ["recommendations", "catalog-v2", 7, 0, "unknown"],
  ["cart", "checkout", 12, 0.024],
  ["checkout", "payment", 12, 0.31],
  ["checkout", "inventory", 12, 0.002],
  ["checkout", "currency", 24, 0, "mixed"],
  ["payment", "users", 12],
  ["legacy-batch", "inventory", 3, 0, "none"],
  ["inventory", "orders-db", 0],
];

const HEALTH: Readonly<Record<string, HealthState>> = {
  payment: "failing",
  checkout: "degraded",
  ingress: "idle",
  "orders-db": "healthy",
  "audit-archive": "idle",
};

export function shopTopology(): FixtureTopology {
  const names = new Set(SHOP.flatMap((call) => call.slice(0, 2) as string[]));
  const edges = SHOP.map(([from, to, rate, errors = 0, security = "mutual_tls"]) =>
    edgeOf(ref(from), ref(to), { rate, errors, security }),
  );
  const services = [...names, "audit-archive"].map((name) =>
    serviceOf(ref(name), HEALTH[name] ?? "healthy", edges),
  );
  return {
    services: { window: WINDOW, services },
    edges: { window: WINDOW, edges },
    routes: {
      window: WINDOW,
      routes: [
        {
          service: ref("catalog"),
          route: "default/catalog",
          name: "HTTPRoute/default/catalog/rule/0/match/0",
          matches: ["every request"],
          backends: [backend("catalog-v1", 0.9, 0.9, 225), backend("catalog-v2", 0.1, 0.1, 25)],
          traffic: traffic(250, 0),
        },
      ],
    },
  };
}

function backend(name: string, configuredShare: number, observedShare: number, rate: number) {
  return {
    ...{ backend: `default/${name}`, configuredShare, observedShare },
    traffic: traffic(rate, 0),
  };
}

const NAMESPACES = ["edge", "shop", "account", "search", "billing", "stock", "data", "platform"];

/** In as many namespaces as one asks for, each in its layer; most calls go a layer on, some stay, some skip. */
export function largeTopology({
  services: count,
  edges: calls,
  namespaces = NAMESPACES.length,
}: {
  readonly services: number;
  readonly edges: number;
  readonly namespaces?: number;
}): FixtureTopology {
  const prng = new SeededPrng(11);
  const refs = Array.from({ length: count }, (_, index): ServiceRef => {
    const namespace = namespaces === 1 ? "default" : (NAMESPACES[index % namespaces] ?? "default");
    return { namespace, name: `app-${String(index + 1).padStart(3, "0")}` };
  });
  const byLayer = refs.toSorted((a, b) => layerOf(a) - layerOf(b));
  const edges = new Map<string, EdgeTraffic>();
  while (edges.size < calls) {
    const from = Math.floor(prng.next() * count * 0.9);
    const reach = 1 + Math.floor(prng.next() * prng.next() * count * 0.5);
    const [source, destination] = [byLayer[from], byLayer[Math.min(count - 1, from + reach)]];
    if (source === undefined || destination === undefined || source === destination) continue;
    const isBad = refs.indexOf(destination) % 67 === 3;
    edges.set(
      `${source.name}>${destination.name}`,
      edgeOf(source, destination, {
        rate: 10 ** (prng.next() * 3 - 0.5),
        errors: isBad ? 0.18 : 0,
        security: edges.size % 251 === 250 ? "none" : "mutual_tls",
      }),
    );
  }
  const told = [...edges.values()];
  const services = refs.map((service, index) =>
    serviceOf(
      service,
      index % 67 === 3 ? "failing" : index % 41 === 7 ? "degraded" : "healthy",
      told,
    ),
  );
  return {
    services: { window: WINDOW, services },
    edges: { window: WINDOW, edges: told },
    routes: { window: WINDOW, routes: [] },
  };
}

function layerOf({ namespace }: ServiceRef): number {
  return NAMESPACES.indexOf(namespace);
}

function ref(name: string): ServiceRef {
  return { namespace: "default", name };
}

function edgeOf(
  source: ServiceRef,
  destination: ServiceRef,
  {
    rate,
    errors,
    security,
  }: {
    readonly rate: number;
    readonly errors: number;
    readonly security: EdgeTraffic["security"];
  },
): EdgeTraffic {
  const isDatabase = destination.name.endsWith("-db");
  const principal = ({ namespace, name }: ServiceRef): string =>
    `spiffe://tulle.local/ns/${namespace}/sa/${name}`;
  return {
    source,
    destination,
    sourcePrincipal: security === "none" ? null : principal(source),
    destinationPrincipal: security === "mutual_tls" ? principal(destination) : null,
    protocol: isDatabase ? "tcp" : "http",
    security,
    traffic: isDatabase ? tcpTraffic() : traffic(rate, errors),
  };
}

function traffic(rate: number, errorRate: number): TrafficFigures {
  const requests = Math.round(rate * WINDOW_SECONDS);
  const p50 = 3 + (requests % 17);
  return {
    ...{ requests, requestsPerSecond: rate, errors: Math.round(requests * errorRate) },
    errorRate: requests === 0 ? null : errorRate,
    latency:
      requests === 0
        ? { mean: null, p50: null, p90: null, p95: null, p99: null }
        : { mean: p50 * 1.3, p50, p90: p50 * 2.4, p95: p50 * 3.2, p99: p50 * 5.1 },
    tcp: { opened: 0, closed: 0, sentBytesPerSecond: 0, receivedBytesPerSecond: 0 },
  };
}

function tcpTraffic(): TrafficFigures {
  return {
    ...traffic(0, 0),
    tcp: { opened: 12, closed: 3, sentBytesPerSecond: 48_000, receivedBytesPerSecond: 360_000 },
  };
}

function serviceOf(
  service: ServiceRef,
  health: HealthState,
  edges: readonly EdgeTraffic[],
): ServiceTraffic {
  const own = edges.filter(
    ({ destination: { namespace, name }, security }) =>
      namespace === service.namespace &&
      name === service.name &&
      // Callers alone tell of versions; of the Service its own sidecars do.
      (security !== "unknown" || name.includes("-v")),
  );
  const rate = own.reduce((sum, one) => sum + one.traffic.requestsPerSecond, 0);
  const failed = own.reduce((sum, { traffic: { requestsPerSecond, errorRate } }) => {
    return sum + requestsPerSecond * (errorRate ?? 0);
  }, 0);
  const share = rate === 0 ? 0 : failed / rate;
  // Steps as the API sends them: what is asked for again every few seconds has its real size.
  const line = Array.from({ length: STEPS }, (_, step) => rate * (1 + Math.sin(step / 5) / 4));
  return {
    service,
    host: `${service.name}.${service.namespace}.svc.tulle.local`,
    health,
    healthReason: health === "failing" ? "1 of 3 instances is healthy" : null,
    instances: { total: 3, healthy: health === "failing" ? 1 : 3, ejected: 0 },
    inbound: service.name.endsWith("-db") ? tcpTraffic() : traffic(rate, share),
    spark: {
      ...{ requestsPerSecond: line, errorRate: line, mean: line },
      ...{ p50: line, p90: line, p99: line },
    },
    resources: {
      ...{ appCpuCores: 0.2, appMemoryBytes: 6e7 },
      ...{ sidecarCpuCores: 0.1, sidecarMemoryBytes: 5e7 },
    },
    resourceSpark: {
      ...{ appCpuCores: line, appMemoryBytes: line },
      ...{ sidecarCpuCores: line, sidecarMemoryBytes: line },
    },
  };
}
