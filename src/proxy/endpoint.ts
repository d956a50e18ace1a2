/**
 * One address of a cluster: what balancers know about it, and its connections. Where the cluster speaks
 * what its clients do, there are two pools.
 */
import type { TcpEndpoints } from "../net/first-bytes/proxy-header.ts";
import type { WorkloadLabels } from "../telemetry/request-metrics.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { DialResult, PendingDial } from "./dialer.ts";
import type { EndpointServices } from "./endpoint-services.ts";
import { HEALTH_FLAG, hostHealthOf } from "./health/health-flags.ts";
import type { OutlierMonitor } from "./health/outlier-monitor.ts";
import type { Host, HostInfo } from "./load-balancer/host.ts";
import type { HostHealth } from "./load-balancer/load-balancer.ts";
import { RecentRefusals } from "./load-balancer/recent-refusals.ts";
import { OutcomeSeries } from "./outcome-series.ts";
import { RawConnections } from "./raw-connections.ts";
import type { ClientStreamHandler, UpstreamFailure } from "./stream.ts";

/** After a connection that could not be made others are preferred for this long, doubled with each failure in a row. */
const UNREACHABLE_MS = 500;
const UNREACHABLE_MS_MAX = 10_000;
/** Time constant of the latency average. Finagle's and linkerd's default. */
const EWMA_DECAY_MS = 10_000;

/** What health checks of one endpoint do otherwise than those of its cluster. */
export interface EndpointCheckInfo {
  readonly isDisabled: boolean;
  /** 0 for the endpoint's own. */
  readonly port: number;
  /** For Host and `:authority`, empty for what the check says. */
  readonly hostname: string;
}

export interface EndpointInfo extends HostInfo {
  readonly host: string;
  readonly port: number;
  /** What discovery says. */
  readonly isHealthy: boolean;
  /** Healthy, but to be asked only when too few others are. */
  readonly isDegraded: boolean;
  readonly zone: string;
  readonly workload: WorkloadLabels;
  readonly healthCheck?: EndpointCheckInfo;
}

export class Endpoint implements Host {
  readonly key: string;
  #info: EndpointInfo;
  #workload: WorkloadLabels;
  #services: EndpointServices;
  /** Each is made for the first request: most endpoints of a mesh are never called by one proxy. */
  #pool: ConnectionPool | undefined;
  /** For requests that came over HTTP/2, where that makes a difference. */
  #http2Pool: ConnectionPool | undefined;
  #raw: RawConnections | undefined;
  /** Of settings that do not hold any more, while they have connections or requests. */
  #retired: ConnectionPool[] | undefined;
  activeRequests = 0;
  /** Of all pools. Counted here: balancers read it for each choice, and pools lie elsewhere. */
  waitingCount = 0;
  requestsTotal = 0;
  connectFailures = 0;
  #failuresInRow = 0;
  /** Until then, by `nowMs`, balancers that compare prefer others. */
  unreachableUntilMs = 0;
  /** Peak-EWMA of latency in milliseconds, and when it was last brought up to date. */
  ewmaMs = 0;
  ewmaAtMs = 0;
  refusals: RecentRefusals | undefined;
  /** The part of its weight that counts now. */
  weightFactor = 1;
  /** When it was added, or a health check found it well again. */
  healthySinceMs: number;
  /** Bits of HEALTH_FLAG. */
  #healthFlags: number;
  /** Where the cluster looks for outliers: learns of every result of a request to this endpoint. */
  outlier: OutlierMonitor | undefined;
  outcomes = new OutcomeSeries();

  constructor(info: EndpointInfo, services: EndpointServices) {
    this.key = `${info.host}:${info.port}`;
    this.#info = info;
    this.#workload = info.workload;
    this.#services = services;
    this.#healthFlags = edsFlagsOf(info);
    this.healthySinceMs = services.nowMs();
  }

  get info(): EndpointInfo {
    return this.#info;
  }

  /** Whose it is, as discovery tells it and the handshake of its last connection proved. */
  get workload(): WorkloadLabels {
    return this.#workload;
  }

  get health(): HostHealth {
    return hostHealthOf(this.#healthFlags);
  }

  get healthFlags(): number {
    return this.#healthFlags;
  }

  /** Whoever sets or clears flags refreshes the cluster. */
  setHealthFlag(flag: number): void {
    this.#healthFlags |= flag;
  }

  clearHealthFlag(flag: number): void {
    this.#healthFlags &= ~flag;
  }

  get connectionCount(): number {
    let count = sum(this.#pool?.connectionCount, this.#http2Pool?.connectionCount);
    if (this.#retired !== undefined)
      for (const pool of this.#retired) count += pool.connectionCount;
    return sum(count, this.#raw?.count);
  }

  get idleCount(): number {
    return sum(this.#pool?.idleCount, this.#http2Pool?.idleCount);
  }

  /**
   * The cluster makes its connections in another way from now on: those that are there make way as if the endpoint
   * had left. All else that is known of it stays.
   */
  rebind(services: EndpointServices): void {
    this.#services = services;
    this.#raw?.rebind(services);
    const before = [this.#pool, this.#http2Pool].filter((pool) => pool !== undefined);
    this.#pool = undefined;
    this.#http2Pool = undefined;
    for (const pool of before) pool.remove();
    this.#retired = inUse([...(this.#retired ?? []), ...before]);
  }

  /** The same address with other properties. Another workload there is counted anew. */
  update(info: EndpointInfo): void {
    if (!isSameWorkload(this.#info.workload, info.workload)) this.#become(info.workload);
    this.#info = info;
    this.#healthFlags = (this.#healthFlags & ~EDS_FLAGS) | edsFlagsOf(info);
  }

  /**
   * Gives the handler a stream now or later. `isHttp2`: how the request came. Returns false when a limit forbids
   * to wait.
   */
  acquire(handler: ClientStreamHandler, nowMs: number, isHttp2: boolean): boolean {
    const services = this.#services;
    const { pool, http2Pool } = services.http;
    if (isHttp2 && http2Pool !== undefined) {
      this.#http2Pool ??= new ConnectionPool(this, services, http2Pool);
      return this.#http2Pool.acquire(handler, nowMs);
    }
    this.#pool ??= new ConnectionPool(this, services, pool);
    return this.#pool.acquire(handler, nowMs);
  }

  /** The handler does not want a stream any more. */
  cancel(handler: ClientStreamHandler): void {
    this.#pool?.cancel(handler);
    this.#http2Pool?.cancel(handler);
    if (this.#retired !== undefined) for (const pool of this.#retired) pool.cancel(handler);
  }

  /**
   * A socket of this endpoint that carries something other than HTTP. It counts as a connection and as a
   * request of this endpoint until it closes; the socket then belongs to whoever asked. A failure counts as that
   * of any other connection. `downstream` is the client's connection, for clusters that are told of it.
   * Returns undefined when a limit forbids it.
   */
  dialRaw(
    onResult: (result: DialResult) => void,
    downstream?: TcpEndpoints,
  ): PendingDial | undefined {
    this.#raw ??= new RawConnections(this, this.#services);
    if (this.outlier === undefined) return this.#raw.dial(onResult, downstream);
    // All that a proxy of bytes learns of an endpoint.
    const { generation } = this.outlier;
    const onDialed = (result: DialResult): void => {
      if (result.kind === "connected") this.outlier?.onTcpConnected(generation);
      else this.outlier?.onLocalFailure(result.kind === "connect-timeout" ? 504 : 503, generation);
      onResult(result);
    };
    return this.#raw.dial(onDialed, downstream);
  }

  onRequestStart(): void {
    this.activeRequests += 1;
    this.requestsTotal += 1;
  }

  onRequestEnd(): void {
    this.activeRequests -= 1;
  }

  /** Peak-sensitive average: a slow answer counts at once, faster ones bring it down over time. */
  observeLatency(latencyMs: number, nowMs: number): void {
    if (latencyMs >= this.ewmaMs) {
      this.ewmaMs = latencyMs;
    } else {
      const weight = Math.exp((this.ewmaAtMs - nowMs) / EWMA_DECAY_MS);
      this.ewmaMs = this.ewmaMs * weight + latencyMs * (1 - weight);
    }
    this.ewmaAtMs = nowMs;
  }

  /** Its sidecar refused a request, which says nothing of its latency. */
  onRefusal(nowMs: number): void {
    this.refusals ??= new RecentRefusals();
    this.refusals.add(nowMs, this.ewmaMs);
  }

  onReachable(peerPrincipal: string): void {
    this.#failuresInRow = 0;
    this.unreachableUntilMs = 0;
    // Istio's `destination_principal`: the name in a certificate of the web says nothing of a mesh.
    const isOfMesh = peerPrincipal.startsWith("spiffe://");
    if (isOfMesh && peerPrincipal !== this.#workload.principal) {
      this.#become({ ...this.#workload, principal: peerPrincipal });
    }
  }

  /** What is counted from now on is counted for another workload. */
  #become(workload: WorkloadLabels): void {
    this.#workload = workload;
    this.outcomes = new OutcomeSeries();
  }

  /** An endpoint that refuses at once would look like the fastest of all. */
  onUnreachable(kind: UpstreamFailure["kind"]): void {
    this.#services.budget.onConnectFailure(kind);
    this.connectFailures += 1;
    const pauseMs = Math.min(UNREACHABLE_MS_MAX, UNREACHABLE_MS * 2 ** this.#failuresInRow);
    this.#failuresInRow += 1;
    this.unreachableUntilMs = this.#services.nowMs() + pauseMs;
  }

  /** Ends connections that are not needed. Called now and then. */
  sweep(): void {
    this.#pool?.sweep();
    this.#http2Pool?.sweep();
    if (this.#retired !== undefined) this.#retired = inUse(this.#retired);
  }

  /** The endpoint is not used for a while: connections end with what they carry, idle ones now. */
  leaveConnections(): void {
    this.#pool?.leave();
    this.#http2Pool?.leave();
  }

  /** The same, and what is not HTTP is cut. */
  cutConnections(): void {
    this.leaveConnections();
    this.#raw?.cut();
  }

  /**
   * The endpoint left its cluster: idle connections end now, busy ones with their requests. What is not HTTP
   * goes on: it cannot be moved.
   */
  remove(): void {
    this.#pool?.remove();
    this.#http2Pool?.remove();
  }

  /** Ends every connection, whatever it carries, and every attempt to make one. Nobody is told. */
  abort(): void {
    this.#pool?.abort();
    this.#http2Pool?.abort();
    if (this.#retired !== undefined) for (const pool of this.#retired) pool.abort();
    this.#raw?.abort();
  }
}

/** Those that discovery decides. */
const EDS_FLAGS = HEALTH_FLAG.failedEds | HEALTH_FLAG.draining | HEALTH_FLAG.degradedEds;

function edsFlagsOf({ isHealthy, isDegraded, isDraining }: EndpointInfo): number {
  if (isDraining) return HEALTH_FLAG.draining;
  if (!isHealthy) return HEALTH_FLAG.failedEds;
  return isDegraded ? HEALTH_FLAG.degradedEds : 0;
}

/** Pools that nothing is left of are forgotten. */
function inUse(pools: readonly ConnectionPool[]): ConnectionPool[] | undefined {
  const used = pools.filter(({ isEmpty }) => !isEmpty);
  return used.length === 0 ? undefined : used;
}

function sum(a: number | undefined, b: number | undefined): number {
  return (a ?? 0) + (b ?? 0);
}

function isSameWorkload(a: WorkloadLabels, b: WorkloadLabels): boolean {
  return (
    a.workload === b.workload &&
    a.namespace === b.namespace &&
    a.canonicalService === b.canonicalService &&
    a.canonicalRevision === b.canonicalRevision &&
    a.app === b.app &&
    a.version === b.version &&
    a.cluster === b.cluster &&
    a.principal === b.principal
  );
}
