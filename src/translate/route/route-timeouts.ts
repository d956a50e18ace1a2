/** How long a request may take: the rule's word, else the policy's, else MeshConfig's. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteActionSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { durationMs } from "../../resource/duration.ts";
import { duration } from "../message.ts";
import type { TrafficSettings } from "../traffic-settings.ts";
import type { Rule } from "./precedence.ts";

type RouteTimeouts = Pick<
  Exclude<MessageInitShape<typeof RouteActionSchema>, { readonly $typeName: string }>,
  "timeout" | "idleTimeout" | "maxGrpcTimeout"
>;

/**
 * A timeout of 0 is given too: Envoy's default of 15 s would hold otherwise. Without an idle timeout the listener's
 * holds, but a gRPC stream may be quiet for as long as it likes: that is how watches and subscriptions are written.
 */
export function routeTimeouts(
  rule: Pick<Rule, "timeouts">,
  { timeouts, ownIdleTimeout }: TrafficSettings,
  isGrpc: boolean,
): RouteTimeouts {
  const idleMs = ownIdleTimeout === undefined ? undefined : durationMs(ownIdleTimeout);
  const idleTimeoutMs = idleMs ?? (isGrpc ? 0 : undefined);
  const requestMs = durationMs(rule.timeouts?.request ?? timeouts.request);
  return {
    timeout: duration(requestMs),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeout: duration(idleTimeoutMs) }),
    // The deadline that a call of gRPC brings holds (`grpc-timeout`), within the route's own; 0 for no bound. Not
    // `max_stream_duration`, which has a field for it, too: beside it Envoy gives `timeout` no meaning.
    maxGrpcTimeout: duration(requestMs),
  };
}
