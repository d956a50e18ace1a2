/**
 * A mesh that was never there, in the forms of the telemetry API: a shop in which payment fails by a route, or as many
 * services and edges as one asks for. The same seed gives the same figures.
 */
import type {
  AccessLogView,
  EdgeTraffic,
  HealthState,
  InstanceTraffic,
  MeshEvent,
  OverviewResponse,
  ServiceDetailResponse,
  ServiceRef,
  ServiceTraffic,
  Spark,
  TelemetryWindow,
  TrafficFigures,
} from "../../src/control-plane/telemetry-types.ts";
import { SeededPrng } from "../../src/core/prng.ts";

const STEPS = 45;
const STEP_SECONDS = 20;
const SHOP = [
  ...["storefront", "catalog", "cart", "checkout", "payment", "currency", "inventory"],
  ...["recommendations", "users", "search", "legacy-erp"],
];

export interface FixtureOptions {
  /** How many services; default: the shop. */
  readonly services?: number;
  readonly edges?: number;
  readonly nowMs: number;
}

export class FixtureMesh {
  readonly nowMs: number;
  readonly services: readonly ServiceTraffic[];
  readonly edges: readonly EdgeTraffic[];
  readonly #prng = new SeededPrng(7);

  constructor({ services, edges, nowMs }: FixtureOptions) {
    this.nowMs = nowMs;
    const names =
      services === undefined
        ? SHOP
        : Array.from({ length: services }, (_, index) => `service-${index + 1}`);
    this.services = names.map((name, index) => this.#service(name, index));
    this.edges = Array.from({ length: edges ?? names.length * 2 }, (_, index) => {
      const [from, to] = [
        index % names.length,
        (index * 7 + 1 + Math.floor(index / names.length)) % names.length,
      ];
      return this.#edge(from, to === from ? (to + 1) % names.length : to);
    });
  }

  get window(): TelemetryWindow {
    return {
      from: this.at(STEPS * STEP_SECONDS),
      to: this.at(0),
      stepSeconds: STEP_SECONDS,
    };
  }

  /** The instant so many seconds before now. */
  at(secondsAgo: number): string {
    return new Date(this.nowMs - secondsAgo * 1000).toISOString();
  }

  overview(): OverviewResponse {
    const count = (state: HealthState): number =>
      this.services.filter(({ health }) => health === state).length;
    const failing = this.services.find(({ health }) => health === "failing");
    return {
      window: this.window,
      mesh: "demo",
      revision: 42,
      summary: `${count("failing")} of ${this.services.length} services ${count("failing") === 1 ? "fails" : "fail"}`,
      services: {
        total: this.services.length,
        healthy: count("healthy"),
        degraded: count("degraded"),
        failing: count("failing"),
        idle: count("idle"),
      },
      traffic: this.#traffic(840, 0.021, 18),
      spark: this.#spark(840, 0.02, 18),
      problems: [
        {
          severity: "error",
          code: "failing-service",
          service: failing?.service ?? null,
          message: "payment fails: 31% of requests end in 503",
          hint: "The failing requests have flag UO: the circuit breaker is open. tulle logs payment --status 5xx",
          view: "/services/default/payment",
        },
        {
          severity: "warning",
          code: "degraded-service",
          service: { namespace: "default", name: "checkout" },
          message: "checkout is degraded: 2.4% of requests end in 502",
          hint: "It calls payment, which fails",
          view: "/services/default/checkout",
        },
        {
          severity: "info",
          code: "no-propagation",
          service: { namespace: "default", name: "recommendations" },
          message: "recommendations does not pass on trace context",
          hint: "Traces end there; docs/guides/tracing.md has a propagator for Node",
          view: null,
        },
      ],
      proxies: { connected: 19, stale: 1, refusing: 0 },
      nextCertificateExpiry: this.at(-17 * 3600),
      mtlsShare: 0.9973,
    };
  }

  detail(ref: ServiceRef): ServiceDetailResponse | undefined {
    const service = this.services.find(({ service: { name } }) => name === ref.name);
    if (service === undefined) return undefined;
    const { requestsPerSecond, latency } = service.inbound;
    return {
      window: this.window,
      service,
      outbound: this.#traffic(requestsPerSecond * 1.4, 0.001, (latency.p50 ?? 4) * 0.6),
      instances: [0, 1, 2].map((index) => this.#instance(service, index)),
      callers: this.edges.filter(({ destination }) => destination.name === ref.name),
      callees: this.edges.filter(({ source }) => source.name === ref.name),
      versions: [
        { version: "v1", share: 0.9, traffic: this.#traffic(requestsPerSecond * 0.9, 0.001, 8) },
        { version: "v2", share: 0.1, traffic: this.#traffic(requestsPerSecond * 0.1, 0.09, 21) },
      ],
    };
  }

  events(): readonly MeshEvent[] {
    const event = (
      secondsAgo: number,
      severity: MeshEvent["severity"],
      type: string,
      subject: string,
      message: string,
      actor: string | null = null,
    ): MeshEvent => ({
      ...{ time: this.at(secondsAgo), severity, type, subject, message, actor },
      revision: type === "config" ? 42 : null,
    });
    return [
      event(95, "warning", "ejection", "payment-2", "was put out for 30 s after 5 errors in a row"),
      event(240, "info", "config", "HTTPRoute default/payment", "was changed", "token ci"),
      event(245, "error", "instance", "payment-3", "does not answer its health check"),
      event(610, "info", "certificate", "checkout-1", "has a new certificate until tomorrow"),
      event(700, "info", "rollout", "catalog", "went to step 2 of 4: v2 gets 10%", "local user"),
    ];
  }

  log(index: number): AccessLogView {
    const isFailing = index % 3 !== 2;
    return {
      time: this.at(index * 1.7),
      reporter: "destination",
      source: { namespace: "default", name: "checkout" },
      destination: { namespace: "default", name: "payment" },
      instance: `payment-${(index % 3) + 1}`,
      method: "POST",
      path: `/charges/${1000 + index}`,
      authority: "payment",
      protocol: "HTTP/1.1",
      responseCode: isFailing ? 503 : 200,
      grpcStatus: null,
      flags: isFailing ? "UO" : "-",
      details: isFailing ? "upstream_overflow" : "via_upstream",
      durationMs: isFailing ? 1 : 12 + (index % 9),
      bytesReceived: 312,
      bytesSent: isFailing ? 81 : 640,
      attempts: isFailing ? 2 : 1,
      route: "default/payment charge",
      upstreamHost: isFailing ? null : "127.4.0.1:15006",
      requestId: `0f5e1b5c-7ba0-4c5e-9d4e-${String(index).padStart(12, "0")}`,
      traceId: traceIdOf(index),
      spanId: String(index).padStart(16, "0"),
      captured: {},
    };
  }

  /** A series of so many steps around a value. */
  wave(around: number, spread: number): readonly (number | null)[] {
    return Array.from({ length: STEPS }, (_, step) => {
      const swing = Math.sin(step / 6) * 0.35 + (this.#prng.next() - 0.5) * 0.7;
      return Math.max(0, around * (1 + spread * swing));
    });
  }

  #service(name: string, index: number): ServiceTraffic {
    const health = healthOf(name, index);
    const rate = health === "idle" ? 0 : 12 + ((index * 37) % 160);
    const errorRate = health === "failing" ? 0.31 : health === "degraded" ? 0.024 : 0;
    const p50 = 2 + ((index * 13) % 30);
    const inbound = this.#traffic(rate, errorRate, p50);
    return {
      service: { namespace: "default", name },
      host: `${name}.default.svc.tulle.local`,
      health,
      healthReason: reasonOf(health),
      instances: {
        total: 3,
        healthy: health === "failing" ? 1 : 3,
        ejected: health === "failing" ? 1 : 0,
      },
      inbound,
      spark: this.#spark(rate, errorRate, p50),
      resources: this.#resources(3),
      resourceSpark: {
        appCpuCores: this.wave(0.12, 0.3),
        appMemoryBytes: this.wave(183e6, 0.05),
        sidecarCpuCores: this.wave(0.06, 0.3),
        sidecarMemoryBytes: this.wave(162e6, 0.05),
      },
    };
  }

  #spark(rate: number, errorRate: number, p50: number): Spark {
    if (rate === 0) {
      const none = Array.from({ length: STEPS }, () => null);
      return {
        ...{ requestsPerSecond: none, errorRate: none, mean: none },
        ...{ p50: none, p90: none, p99: none },
      };
    }
    return {
      requestsPerSecond: this.wave(rate, 0.4),
      errorRate: this.wave(errorRate, 1.2),
      mean: this.wave(p50 * 1.3, 0.3),
      p50: this.wave(p50, 0.3),
      p90: this.wave(p50 * 2.4, 0.4),
      p99: this.wave(p50 * 5.1, 0.7),
    };
  }

  #traffic(rate: number, errorRate: number, p50: number): TrafficFigures {
    const requests = Math.round(rate * STEPS * STEP_SECONDS);
    const isNone = requests === 0;
    const latency = isNone
      ? { mean: null, p50: null, p90: null, p95: null, p99: null }
      : { mean: p50 * 1.3, p50, p90: p50 * 2.4, p95: p50 * 3.2, p99: p50 * 5.1 };
    return {
      requests,
      requestsPerSecond: rate,
      errors: Math.round(requests * errorRate),
      errorRate: isNone ? null : errorRate,
      latency,
      tcp: { opened: 0, closed: 0, sentBytesPerSecond: 0, receivedBytesPerSecond: 0 },
    };
  }

  #edge(from: number, to: number): EdgeTraffic {
    const [source, destination] = [this.services[from], this.services[to]];
    if (source === undefined || destination === undefined) throw new Error("no such service");
    const { requestsPerSecond, errorRate, latency } = destination.inbound;
    return {
      source: source.service,
      destination: destination.service,
      sourcePrincipal: `spiffe://tulle.local/ns/default/sa/${source.service.name}`,
      destinationPrincipal: `spiffe://tulle.local/ns/default/sa/${destination.service.name}`,
      protocol: "http",
      security: from % 9 === 8 ? "none" : "mutual_tls",
      traffic: this.#traffic(requestsPerSecond / 2, errorRate ?? 0, latency.p50 ?? 1),
    };
  }

  #instance({ service, health, inbound }: ServiceTraffic, index: number): InstanceTraffic {
    const isBad = health === "failing" && index > 0;
    return {
      name: `${service.name}-${index + 1}`,
      zone: `zone-${"ab"[index % 2]}`,
      version: index === 2 ? "v2" : "v1",
      health: isBad ? "unhealthy" : "healthy",
      isEjected: health === "failing" && index === 1,
      traffic: this.#traffic(
        inbound.requestsPerSecond / 3,
        isBad ? 0.45 : 0.002,
        inbound.latency.p50 ?? 1,
      ),
      resources: this.#resources(1),
      uptimeSeconds: 4_000 * (index + 1),
    };
  }

  #resources(instances: number) {
    return {
      appCpuCores: 0.04 * instances + this.#prng.next() * 0.05,
      appMemoryBytes: 61e6 * instances,
      sidecarCpuCores: 0.02 * instances + this.#prng.next() * 0.02,
      sidecarMemoryBytes: 54e6 * instances,
    };
  }
}

export function traceIdOf(index: number): string {
  return (index + 1).toString(16).padStart(32, "4bf92f3577b34da6a3ce929d0e0e");
}

function healthOf(name: string, index: number): HealthState {
  if (name === "payment" || (name.startsWith("service-") && index % 40 === 3)) return "failing";
  if (name === "checkout" || (name.startsWith("service-") && index % 17 === 5)) return "degraded";
  return name === "legacy-erp" ? "idle" : "healthy";
}

function reasonOf(health: HealthState): string | null {
  if (health === "failing") return "31% of requests end in errors, 1 of 3 instances is healthy";
  return health === "degraded" ? "2.4% of requests end in errors" : null;
}
