/** The control plane's metrics: Istio's names where it has one, so that its dashboards and Kiali work. */
import type { Counter, Gauge } from "../telemetry/counter.ts";
import type { Histogram } from "../telemetry/histogram.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";

/** Istio's own bounds, in seconds. */
const CONVERGENCE_BOUNDS = [0.1, 0.5, 1, 3, 5, 10, 20, 30];
/** Bytes. */
const SIZE_BOUNDS = [1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000];
const PUSH_BOUNDS = [0.01, 0.1, 1, 3, 5, 10, 20, 30];

export interface ControlPlaneMetrics {
  readonly connectedProxies: Gauge;
  /** Label `type`: cds, eds, lds, rds, sds. */
  readonly pushes: SeriesSource<Counter>;
  readonly rejects: SeriesSource<Counter>;
  /** Of what a push has of one type, in bytes. Label `type`. */
  readonly configSizes: SeriesSource<Histogram>;
  /** Labels `type`, an object's kind, and `event`. */
  readonly configEvents: SeriesSource<Counter>;
  readonly internalErrors: Counter;
  readonly pushTimeSeconds: Histogram;
  readonly convergenceSeconds: Histogram;
  /** Label `type`: config, endpoints, removal, revision. */
  readonly pushTriggers: SeriesSource<Counter>;
  readonly services: Gauge;
  readonly heldServices: Gauge;
  readonly revision: Gauge;
  readonly translatedRevision: Gauge;
  /** Label `state`. */
  readonly instances: SeriesSource<Gauge>;
  /** Label `severity`. */
  readonly findings: SeriesSource<Gauge>;
  /** Label `phase`. */
  readonly rollouts: SeriesSource<Gauge>;
  /** Label `reason`. */
  readonly rolloutEvents: SeriesSource<Counter>;
  /** Label `result`: ok, failed. */
  readonly jwksFetches: SeriesSource<Counter>;
  /** Label `state`: current, stale, missing. */
  readonly jwksSets: SeriesSource<Gauge>;
  /** Labels `policy`, `rule`, `result`. */
  readonly rateLimitDecisions: SeriesSource<Counter>;
  readonly rateLimitFailures: Counter;
  readonly authorityNotAfterSeconds: Gauge;
  readonly certificateNotAfterSeconds: Gauge;
}

export function createControlPlaneMetrics(
  registry: MetricRegistry,
  version: string,
): ControlPlaneMetrics {
  const { gauge, counter, histogram } = {
    gauge: (name: string, help: string) => registry.gauge(name, help).with({}),
    counter: (name: string, help: string) => registry.counter(name, help).with({}),
    histogram: (name: string, help: string, bounds: readonly number[]) =>
      registry.histogram(name, help, bounds).with({}),
  };
  const builds = registry.gauge("istio_build", "What runs; the value is always 1.");
  builds.with({ component: "tulle-control-plane", tag: version }).set(1);
  // Istio's word for it, which its boards ask for.
  builds.with({ component: "pilot", tag: version }).set(1);
  return {
    connectedProxies: gauge("pilot_xds", "Proxies connected by ADS."),
    pushes: registry.counter("pilot_xds_pushes", "Resource sets handed to proxies, by type."),
    rejects: registry.counter(
      "pilot_total_xds_rejects",
      "Responses that proxies refused, by type.",
    ),
    configSizes: registry.histogram(
      "pilot_xds_config_size_bytes",
      "Size of the resources that a proxy is given, by type.",
      SIZE_BOUNDS,
    ),
    configEvents: registry.counter(
      "pilot_k8s_cfg_events",
      "Objects that were put or deleted, by kind and event. Istio's name for those of its store.",
    ),
    internalErrors: counter("pilot_total_xds_internal_errors", "Translations that failed."),
    pushTimeSeconds: histogram("pilot_xds_push_time", "Seconds that one push took.", PUSH_BOUNDS),
    convergenceSeconds: histogram(
      "pilot_proxy_convergence_time",
      "Seconds from a change to a proxy's acknowledgement.",
      CONVERGENCE_BOUNDS,
    ),
    pushTriggers: registry.counter("pilot_push_triggers", "Causes of pushes, by type."),
    services: gauge("pilot_services", "Services of the mesh."),
    heldServices: gauge(
      "tulle_held_services",
      "Services all of whose instances were lost at once, which callers keep.",
    ),
    revision: gauge("tulle_revision", "Revision of the store."),
    translatedRevision: gauge("tulle_translated_revision", "Revision handed to the proxies."),
    instances: registry.gauge("tulle_instances", "Registered instances, by state."),
    findings: registry.gauge("tulle_findings", "Findings of semantic checks, by severity."),
    jwksFetches: registry.counter(
      "tulle_jwks_fetches_total",
      "Fetches of the keys that issuers sign users' tokens with, by result.",
    ),
    jwksSets: registry.gauge(
      "tulle_jwks_sets",
      "Key sets of issuers: current, stale (the last fetch failed), or missing (every token is refused).",
    ),
    rollouts: registry.gauge("tulle_rollouts", "Rollouts, by phase."),
    rolloutEvents: registry.counter(
      "tulle_rollout_events_total",
      "What happened to Rollouts, by reason.",
    ),
    rateLimitDecisions: registry.counter(
      "tulle_ratelimit_decisions_total",
      "What the control plane decided about requests with global rate limits, by policy, rule and result: allowed, limited, observed.",
    ),
    rateLimitFailures: counter(
      "tulle_ratelimit_failures_total",
      "Requests about global rate limits without a decision, because Redis could not be asked.",
    ),
    authorityNotAfterSeconds: gauge(
      "tulle_ca_not_after_timestamp_seconds",
      "When the certificate authority expires.",
    ),
    certificateNotAfterSeconds: gauge(
      "tulle_certificate_not_after_timestamp_seconds",
      "When the control plane's own certificate expires.",
    ),
  };
}

/** Of objects that somebody applied. Label `kind`. */
export interface ValidationMetrics {
  readonly passed: SeriesSource<Counter>;
  readonly failed: SeriesSource<Counter>;
}

export function createValidationMetrics(registry: MetricRegistry): ValidationMetrics {
  return {
    passed: registry.counter("galley_validation_passed", "Objects that were valid, by kind."),
    failed: registry.counter(
      "galley_validation_failed",
      "Objects of requests to apply that were refused for what is in them, by kind.",
    ),
  };
}
