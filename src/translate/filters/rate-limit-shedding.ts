/**
 * Load shedding as Envoy's adaptive concurrency, and in front of it, for our sidecars, which class a request is of.
 * Both act on every request of a listener: what is protected is the app behind it.
 */
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { AdaptiveConcurrencySchema } from "../../gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import { durationMs } from "../../resource/duration.ts";
import type {
  RateLimitPolicy,
  RateLimitPolicySpec,
} from "../../resource/kinds/rate-limit-policy.ts";
import { duration, pack } from "../message.ts";
import { spiffeId } from "../names.ts";
import type { FilterContribution } from "./filter-contribution.ts";
import { queryMatcher } from "./rate-limit-descriptors.ts";
import { requestMatchers } from "./request-matchers.ts";

export const ADMISSION_FILTER = "tulle.filters.http.admission";
export const CONCURRENCY_FILTER = "envoy.filters.http.adaptive_concurrency";
const CLASSES_TYPE_URL = "type.googleapis.com/tulle.filters.http.admission.v1.PriorityClasses";

/** Envoy's default. Few enough for apps that are slow, of which each look takes that many. */
const CALIBRATION_SAMPLES = 50;

/** Empty where the policy has none. */
export function sheddingFilters(
  policy: RateLimitPolicy,
  trustDomain: string,
): readonly FilterContribution[] {
  const { loadShedding } = policy.spec;
  if (loadShedding === undefined) return [];
  const classes = loadShedding.classes.map((item) => classOf(item, policy, trustDomain));
  const always = { ofHost: undefined, ofRoutes: new Map<string, Any>(), actsAlways: true };
  return [
    { ...always, name: ADMISSION_FILTER, isOptional: true, ofListener: classesConfig(classes) },
    { ...always, name: CONCURRENCY_FILTER, ofListener: concurrency(loadShedding) },
  ];
}

type LoadShedding = NonNullable<RateLimitPolicySpec["loadShedding"]>;

function classOf(
  { priority, match }: LoadShedding["classes"][number],
  { metadata }: RateLimitPolicy,
  trustDomain: string,
): JsonObject {
  const { caller, queryParams = [] } = match;
  const headers = requestMatchers(match).map((item) => toJson(HeaderMatcherSchema, item));
  const query = queryParams.map((item) => toJson(QueryParameterMatcherSchema, queryMatcher(item)));
  return {
    priority: priority.toLowerCase(),
    ...(caller && {
      caller: spiffeId(trustDomain, caller.namespace ?? metadata.namespace, caller.serviceAccount),
    }),
    ...(headers.length > 0 && { headers }),
    ...(query.length > 0 && { query_parameters: query }),
  };
}

function classesConfig(classes: JsonObject[]): Any {
  const struct = create(TypedStructSchema, { typeUrl: CLASSES_TYPE_URL, value: { classes } });
  return pack(TypedStructSchema, struct);
}

function concurrency(settings: LoadShedding): Any {
  const message = create(AdaptiveConcurrencySchema, {
    concurrencyControllerConfig: {
      case: "gradientControllerConfig",
      value: {
        concurrencyLimitParams: {
          maxConcurrencyLimit: settings.maxConcurrency,
          concurrencyUpdateInterval: duration(durationMs(settings.updateInterval)),
        },
        minRttCalcParams: {
          interval: duration(durationMs(settings.calibrationInterval)),
          requestCount: CALIBRATION_SAMPLES,
          minConcurrency: settings.minConcurrency,
          buffer: { value: settings.latencyTolerance },
        },
      },
    },
  });
  return pack(AdaptiveConcurrencySchema, message);
}
