/** The active health checks of one cluster: a session for each endpoint, and what their results lead to. */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { HealthCheckSettings } from "../config/health-check-config.ts";
import type { Endpoint } from "../endpoint.ts";
import { GrpcProbeRequest } from "./grpc-probe.ts";
import {
  type HealthCheckOwner,
  HealthCheckSession,
  type Transition,
} from "./health-check-session.ts";
import type { HealthCheckCounts } from "./health-counts.ts";
import { HEALTH_FLAG } from "./health-flags.ts";
import { HttpProbeRequest } from "./http-probe.ts";
import type { Probe, ProbeFailure, ProbeHandler } from "./probe.ts";
import type { ProbeServices } from "./probe-services.ts";
import { RequestProbe } from "./request-probe.ts";
import { TcpProbe } from "./tcp-probe.ts";

/** What checks need of their cluster, but for where an endpoint is. */
export type CheckServices = Omit<
  ProbeServices,
  "target" | "hostname" | "alpn" | "reusesConnection"
>;

export interface HealthCheckerOptions {
  readonly settings: HealthCheckSettings;
  readonly services: CheckServices;
  readonly counts: HealthCheckCounts;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly hasTraffic: () => boolean;
  /** A check has succeeded, and the endpoint is not failing its checks. */
  readonly onPassed: (endpoint: Endpoint, isRecovered: boolean) => void;
  readonly onFailed: (endpoint: Endpoint) => void;
  /** The health of endpoints has changed. */
  readonly onChange: () => void;
}

export class HealthChecker implements HealthCheckOwner {
  readonly settings: HealthCheckSettings;
  readonly counts: HealthCheckCounts;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly #options: HealthCheckerOptions;
  readonly #sessions = new Map<Endpoint, HealthCheckSession>();

  constructor(options: HealthCheckerOptions) {
    this.settings = options.settings;
    this.counts = options.counts;
    this.clock = options.clock;
    this.prng = options.prng;
    this.#options = options;
  }

  get hasTraffic(): boolean {
    return this.#options.hasTraffic();
  }

  /** The endpoint is new, or what discovery says of it has changed. `isKnown`: it was in use when checks began. */
  update(endpoint: Endpoint, isKnown = false): void {
    const isChecked = endpoint.info.healthCheck?.isDisabled !== true;
    if (isChecked === this.#sessions.has(endpoint)) return;
    if (!isChecked) {
      this.remove(endpoint);
      return;
    }
    const session = new HealthCheckSession(this, endpoint, (handler) =>
      this.#createProbe(endpoint, handler),
    );
    this.#sessions.set(endpoint, session);
    session.start(isKnown);
  }

  remove(endpoint: Endpoint): void {
    this.#sessions.get(endpoint)?.stop(false);
    this.#sessions.delete(endpoint);
  }

  /** `keepsResults`: another one goes on from what this one has found. */
  stop(keepsResults: boolean): void {
    for (const session of this.#sessions.values()) session.stop(keepsResults);
    this.#sessions.clear();
  }

  onChecked(endpoint: Endpoint, transition: Transition, failure: ProbeFailure | undefined): void {
    const isFailing = (endpoint.healthFlags & HEALTH_FLAG.failedActiveCheck) !== 0;
    this.#log(endpoint, transition, failure);
    if (failure === undefined && !isFailing) {
      this.#options.onPassed(endpoint, transition === "changed");
    }
    if (transition !== "changed") return;
    this.#options.onChange();
    if (isFailing) this.#options.onFailed(endpoint);
  }

  #createProbe(endpoint: Endpoint, handler: ProbeHandler): Probe {
    const { settings } = this;
    const { probe, alpn, reusesConnection } = settings;
    const services: ProbeServices = {
      ...this.#options.services,
      alpn,
      reusesConnection,
      target: () => {
        const { host, port, healthCheck } = endpoint.info;
        return { host, port: healthCheck?.port || port };
      },
      hostname: () => endpoint.info.healthCheck?.hostname ?? "",
    };
    switch (probe.kind) {
      case "http":
        return new RequestProbe(new HttpProbeRequest(probe, services), services, handler);
      case "grpc":
        return new RequestProbe(new GrpcProbeRequest(probe, services), services, handler);
      case "tcp":
        return new TcpProbe(probe, services, handler);
    }
  }

  #log(endpoint: Endpoint, transition: Transition, failure: ProbeFailure | undefined): void {
    const { log, services } = this.#options;
    const isChange = transition === "changed";
    const fields = { cluster: services.clusterName, endpoint: endpoint.key };
    if (failure === undefined) {
      if (isChange) log.info("health check succeeded: endpoint changed", fields);
      else if (this.settings.logsSuccesses) log.info("health check succeeded", fields);
      return;
    }
    const more = { ...fields, reason: failure.reason };
    if (isChange) log.warn("health check failed: endpoint is not used", more);
    else if (this.settings.logsFailures) log.warn("health check failed", more);
  }
}
