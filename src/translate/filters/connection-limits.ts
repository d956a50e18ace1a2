/** Limits of RateLimitPolicies on connections, as Envoy's network filters in front of what serves them. */
import { create } from "@bufbuild/protobuf";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { ConnectionLimitSchema } from "../../gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import { LocalRateLimitSchema } from "../../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import { duration, pack } from "../message.ts";
import { qualifiedName } from "../names.ts";

/** One that is too many is told first: it takes no token. Empty where the policy has none. */
export function connectionFilters({ metadata, spec }: RateLimitPolicy): readonly Filter[] {
  const { max, newPerSecond, burst } = spec.connections ?? {};
  const statPrefix = qualifiedName(metadata);
  const filters: Filter[] = [];
  if (max !== undefined) {
    const limit = create(ConnectionLimitSchema, { statPrefix, maxConnections: BigInt(max) });
    filters.push(filter("connection_limit", pack(ConnectionLimitSchema, limit)));
  }
  if (newPerSecond !== undefined) {
    const rate = create(LocalRateLimitSchema, {
      statPrefix,
      tokenBucket: {
        maxTokens: burst ?? Math.ceil(newPerSecond / 2),
        tokensPerFill: newPerSecond,
        fillInterval: duration(1_000),
      },
    });
    filters.push(filter("local_ratelimit", pack(LocalRateLimitSchema, rate)));
  }
  return filters;
}

function filter(name: string, value: ReturnType<typeof pack>): Filter {
  return create(FilterSchema, {
    name: `envoy.filters.network.${name}`,
    configType: { case: "typedConfig", value },
  });
}
