/** Which share of the traces that begin with a request is recorded, as its proxy decides it, and whose word that is. */

import type { Route } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { HttpConnectionManager } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { FractionalPercent } from "../../gen/envoy/type/v3/percent_pb.js";
import { FractionalPercent_DenominatorType as Denominator } from "../../gen/envoy/type/v3/percent_pb.js";
import type { ObjectKey } from "../../resource/object.ts";
import { Findings } from "../../translate/findings.ts";
import { BUILT_IN_ORIGIN, resolveTelemetry } from "../../translate/telemetry/telemetry-index.ts";
import { BUILT_IN } from "../admin-api/policy-of-service.ts";
import type { EffectiveSetting } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ExplainedCaller, RouteSource } from "./explain-types.ts";

export interface TracedRoute {
  readonly manager: Pick<HttpConnectionManager, "tracing">;
  readonly route: Pick<Route, "tracing">;
  readonly source: RouteSource | null;
  /** The rule that the route was made of. */
  readonly rule: object | undefined;
  /** The one that the request is sent to. */
  readonly service: ObjectKey | undefined;
  readonly known: {
    readonly objects: ObjectCache | undefined;
    readonly from: Pick<ExplainedCaller, "namespace">;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** The value is the proxy's; the objects tell whose it is. Empty where nothing is traced. */
export function tracingSettings(traced: TracedRoute): readonly EffectiveSetting[] {
  const { tracing } = traced.manager;
  if (tracing?.provider === undefined) return [];
  const { tracing: ofRoute } = traced.route;
  const percent =
    ofRoute === undefined
      ? (tracing.randomSampling?.value ?? 100)
      : percentOf(ofRoute.randomSampling);
  return [{ field: "tracing.sampling", value: `${percent}`, origin: originOf(traced) }];
}

function originOf({ route, source, rule, service, known }: TracedRoute): string {
  const { objects, from, labels = {} } = known;
  const unknown = route.tracing === undefined ? "the listener" : "the route";
  if (objects === undefined) return unknown;
  const index = resolveTelemetry(
    {
      meshConfig: objects.list("MeshConfig")[0],
      telemetryPolicies: objects.list("TelemetryPolicy"),
    },
    new Findings(),
  );
  if (route.tracing !== undefined) {
    const name = (rule as { readonly name?: string } | undefined)?.name;
    const said = source === null ? undefined : index.routes.of(source, name);
    return said?.sampling.origin ?? unknown;
  }
  const services = service === undefined ? [] : [`${service.namespace}/${service.name}`];
  const group = index.groupOf({ namespace: from.namespace, labels });
  const origin = group.of(services).tracing.sampling?.origin ?? BUILT_IN_ORIGIN;
  return origin === BUILT_IN_ORIGIN ? BUILT_IN : origin;
}

const PARTS: Readonly<Record<Denominator, number>> = {
  [Denominator.HUNDRED]: 100,
  [Denominator.TEN_THOUSAND]: 10_000,
  [Denominator.MILLION]: 1_000_000,
};

/** Envoy's default is all. */
function percentOf(share: FractionalPercent | undefined): number {
  return share === undefined ? 100 : (share.numerator * 100) / PARTS[share.denominator];
}
