/**
 * Session persistence as Envoy's stateful session filter: the answer tells the client which instance gave it, in a
 * cookie or a header, and a request that brings it back goes there, for as long as the instance is there.
 */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type StatefulSession,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from "../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import { CookieBasedSessionStateSchema } from "../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js";
import { HeaderBasedSessionStateSchema } from "../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js";
import { durationMs } from "../resource/duration.ts";
import type { SessionPersistence } from "../resource/kinds/session-persistence.ts";
import type { DeepReadonly } from "../resource/object.ts";
import type { FilterContribution } from "./filters/filter-contribution.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { duration, pack } from "./message.ts";
import { qualifiedName } from "./names.ts";
import { isRouteRef } from "./route/reference-kinds.ts";

const NAME = "envoy.filters.http.stateful_session";
/** Of a cookie that its author gave no name. */
const COOKIE_NAME = "tulle-session";

type Session = DeepReadonly<SessionPersistence>;
type RequestRoute = MeshSnapshot["httpRoutes" | "grpcRoutes"][number];

/** What puts the filter into the listeners of a Service; `session` is that of its policy. */
export function sessionContribution(session: Session | undefined): FilterContribution {
  return {
    name: NAME,
    ofListener: pack(StatefulSessionSchema, create(StatefulSessionSchema)),
    ofHost: session === undefined ? undefined : perRoute(session),
    ofRoutes: new Map(),
  };
}

/** `typed_per_filter_config` of a route. */
export function sessionRouteConfig(session: Session | undefined): Record<string, Any> {
  return session === undefined ? {} : { [NAME]: perRoute(session) };
}

/** Services (`namespace/name`) to which a route with sessions of its own is attached. */
export function servicesWithSessions({
  httpRoutes,
  grpcRoutes,
  trafficPolicies,
}: MeshSnapshot): ReadonlySet<string> {
  const targeted = new Set(
    trafficPolicies
      .filter(({ spec }) => spec.sessionPersistence !== undefined)
      .flatMap(({ metadata: { namespace }, spec }) =>
        spec.targetRefs.map(({ kind, name }) => `${kind}/${namespace}/${name}`),
      ),
  );
  const routeByKey = new Map(httpRoutes.map((route) => [qualifiedName(route.metadata), route]));
  const services = [...httpRoutes, ...grpcRoutes]
    .filter(
      ({ kind, metadata, spec }) =>
        targeted.has(`${kind}/${qualifiedName(metadata)}`) ||
        spec.rules.some(({ sessionPersistence }) => sessionPersistence !== undefined),
    )
    .flatMap((route) => parentServices(route, routeByKey, new Set()));
  return new Set(services);
}

/** Services that the route is for, by itself or through routes that delegate to it. */
export function parentServices(
  route: RequestRoute,
  routeByKey: ReadonlyMap<string, RequestRoute>,
  seen: Set<RequestRoute>,
): readonly string[] {
  if (seen.has(route)) return [];
  seen.add(route);
  return (route.spec.parentRefs ?? []).flatMap((ref) => {
    const key = qualifiedName({
      namespace: ref.namespace ?? route.metadata.namespace,
      name: ref.name,
    });
    if (!isRouteRef(ref)) return [key];
    const parent = routeByKey.get(key);
    return parent === undefined ? [] : parentServices(parent, routeByKey, seen);
  });
}

function perRoute(session: Session): Any {
  const message = create(StatefulSessionPerRouteSchema, {
    override: { case: "statefulSession", value: statefulSession(session) },
  });
  return pack(StatefulSessionPerRouteSchema, message);
}

function statefulSession({ type, cookie, header, absoluteTimeout }: Session): StatefulSession {
  if (type === "Header") {
    const state = create(HeaderBasedSessionStateSchema, { name: header?.name ?? "" });
    return create(StatefulSessionSchema, {
      sessionState: {
        name: "envoy.http.stateful_session.header",
        typedConfig: pack(HeaderBasedSessionStateSchema, state),
      },
    });
  }
  const isPermanent = cookie?.lifetimeType === "Permanent";
  const lifetimeMs = isPermanent ? durationMs(absoluteTimeout ?? "0s") : 0;
  const state = create(CookieBasedSessionStateSchema, {
    cookie: {
      name: cookie?.name ?? COOKIE_NAME,
      path: cookie?.path ?? "/",
      // 0: a cookie that ends with the browser.
      ttl: duration(lifetimeMs),
    },
  });
  return create(StatefulSessionSchema, {
    sessionState: {
      name: "envoy.http.stateful_session.cookie",
      typedConfig: pack(CookieBasedSessionStateSchema, state),
    },
  });
}
