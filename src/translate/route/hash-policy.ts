/** What a request is hashed by: the keys of the Services that it may go to. */
import { create } from "@bufbuild/protobuf";
import { BoolValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type RouteAction,
  type RouteAction_HashPolicy,
  RouteAction_HashPolicySchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { durationMs } from "../../resource/duration.ts";
import type { HashKey } from "../../resource/kinds/load-balancer-settings.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import { duration } from "../message.ts";
import type { TrafficSettings } from "../traffic-settings.ts";
import type { UserKey } from "./precedence.ts";

/**
 * xDS has one list for a route, whichever of its clusters a request goes to: the key of its users, then the keys of the
 * first backend that hashes. Load balancers that do not hash look at none of it.
 */
export function hashPolicies(
  settings: readonly TrafficSettings[],
  userKey?: UserKey,
): RouteAction_HashPolicy[] {
  const hashing = settings.find(
    ({ loadBalancer: { algorithm } }) => algorithm === "RingHash" || algorithm === "Maglev",
  );
  return [
    ...(userKey === undefined ? [] : [userPolicy(userKey)]),
    ...(hashing?.loadBalancer.consistentHash ?? []).map(hashPolicy),
  ];
}

/** Terminal: what a load balancer is hashed by must not move a user from one cluster to another. */
function userPolicy({ header, cookie = "" }: UserKey): RouteAction_HashPolicy {
  return create(RouteAction_HashPolicySchema, {
    policySpecifier:
      header === undefined
        ? { case: "cookie", value: { name: cookie } }
        : { case: "header", value: { headerName: header.toLowerCase() } },
    terminal: true,
  });
}

/** Which of its clusters a request goes to follows from its hash, where it has one, instead of chance. */
export function divideByHash(action: RouteAction): void {
  if (action.clusterSpecifier.case !== "weightedClusters") return;
  action.clusterSpecifier.value.randomValueSpecifier = {
    case: "useHashPolicy",
    value: create(BoolValueSchema, { value: true }),
  };
}

function hashPolicy(key: DeepReadonly<HashKey>): RouteAction_HashPolicy {
  return create(RouteAction_HashPolicySchema, {
    policySpecifier: specifier(key),
    terminal: key.terminal,
  });
}

function specifier({
  header,
  cookie,
  queryParameter,
}: DeepReadonly<HashKey>): RouteAction_HashPolicy["policySpecifier"] {
  const { policySpecifier } = create(RouteAction_HashPolicySchema, {
    policySpecifier:
      header !== undefined
        ? { case: "header", value: { headerName: header.name.toLowerCase() } }
        : cookie !== undefined
          ? {
              case: "cookie",
              value: {
                name: cookie.name,
                path: cookie.path ?? "",
                ...(cookie.ttl === undefined ? {} : { ttl: duration(durationMs(cookie.ttl)) }),
              },
            }
          : queryParameter !== undefined
            ? { case: "queryParameter", value: { name: queryParameter.name } }
            : { case: "connectionProperties", value: { sourceIp: true } },
  });
  return policySpecifier;
}
