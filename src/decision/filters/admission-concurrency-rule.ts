/** Envoy's adaptive concurrency, compiled: how a listener finds out how many requests its upstream takes at a time. */
import type { Any, Duration } from "@bufbuild/protobuf/wkt";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  AdaptiveConcurrencySchema,
  type GradientControllerConfig,
} from "../../gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.js";
import type { Percent } from "../../gen/envoy/type/v3/percent_pb.js";
import { durationMs } from "../duration.ts";
import type { FieldError } from "../field-error.ts";

export interface ConcurrencyRule {
  readonly kind: "adaptive-concurrency";
  readonly isEnabled: boolean;
  readonly status: number;
  readonly gradient: GradientSettings;
}

export interface GradientSettings {
  /** Of the latencies of an interval, the share that is at or below the one that counts: 0.5 for the median. */
  readonly quantile: number;
  readonly concurrencyMax: number;
  /** What a listener has in any case; up to this many at a time count as little to do. */
  readonly concurrencyMin: number;
  readonly updateIntervalMs: number;
  /** Between two looks at the latency with little to do, and the share of it that chance adds. */
  readonly calibrationIntervalMs: number;
  readonly jitter: number;
  /** Answers that one look takes. */
  readonly calibrationSamples: number;
  /** By how much of the latency with little to do it may be exceeded: 0.25. */
  readonly tolerance: number;
}

/** Envoy's defaults. */
const CONCURRENCY_MAX = 1_000;
const CONCURRENCY_MIN = 3;
const CALIBRATION_SAMPLES = 50;
const JITTER = 0.15;
const TOLERANCE = 0.25;
const QUANTILE = 0.5;
const STATUS = 503;
const STATUS_MIN = 400;

/** Undefined for other messages. */
export function compileConcurrency(
  config: Any,
  path: string,
  errors: FieldError[],
): ConcurrencyRule | undefined {
  const message = anyUnpack(config, AdaptiveConcurrencySchema);
  if (message === undefined) return undefined;
  const {
    concurrencyControllerConfig: controller,
    enabled,
    concurrencyLimitExceededStatus,
  } = message;
  const status = concurrencyLimitExceededStatus?.code ?? 0;
  const at = `${path}.gradient_controller_config`;
  if (controller.case === undefined) errors.push({ path: at, message: "is required" });
  if (enabled !== undefined && enabled.defaultValue === undefined) {
    errors.push({ path: `${path}.enabled.default_value`, message: "is required" });
  }
  return {
    kind: "adaptive-concurrency",
    isEnabled: enabled?.defaultValue ?? true,
    status: status >= STATUS_MIN ? status : STATUS,
    gradient: compileGradient(controller.value, at, errors),
  };
}

function compileGradient(
  config: GradientControllerConfig | undefined,
  path: string,
  errors: FieldError[],
): GradientSettings {
  const limit = config?.concurrencyLimitParams;
  const calibration = config?.minRttCalcParams;
  const at = `${path}.min_rtt_calc_params`;
  const update = `${path}.concurrency_limit_params.concurrency_update_interval`;
  return {
    quantile: share(config?.sampleAggregatePercentile, QUANTILE),
    concurrencyMax: positive(
      limit?.maxConcurrencyLimit,
      CONCURRENCY_MAX,
      `${path}.concurrency_limit_params.max_concurrency_limit`,
      errors,
    ),
    concurrencyMin: positive(
      calibration?.minConcurrency,
      CONCURRENCY_MIN,
      `${at}.min_concurrency`,
      errors,
    ),
    updateIntervalMs: requiredMs(limit?.concurrencyUpdateInterval, update, errors),
    calibrationIntervalMs: requiredMs(calibration?.interval, `${at}.interval`, errors),
    jitter: share(calibration?.jitter, JITTER),
    calibrationSamples: positive(
      calibration?.requestCount,
      CALIBRATION_SAMPLES,
      `${at}.request_count`,
      errors,
    ),
    tolerance: share(calibration?.buffer, TOLERANCE),
  };
}

function share(percent: Percent | undefined, whenAbsent: number): number {
  return percent === undefined ? whenAbsent : percent.value / 100;
}

function positive(
  value: number | undefined,
  whenAbsent: number,
  path: string,
  errors: FieldError[],
): number {
  if (value === 0) errors.push({ path, message: "must be above 0" });
  return value ?? whenAbsent;
}

function requiredMs(value: Duration | undefined, path: string, errors: FieldError[]): number {
  const ms = value === undefined ? 0 : durationMs(value);
  if (ms >= 1) return ms;
  errors.push({ path, message: "must be 1 ms or longer" });
  return 1;
}
