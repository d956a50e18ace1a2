/** The CORS filter of HTTPRoute rules as Envoy's filter: in the listeners of the Services that such routes are for. */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  CorsPolicySchema,
  CorsSchema,
} from "../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import {
  type StringMatcher,
  StringMatcherSchema,
} from "../../gen/envoy/type/matcher/v3/string_pb.js";
import type { HttpRouteFilter } from "../../resource/kinds/http-route-filter.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { pack } from "../message.ts";
import { qualifiedName } from "../names.ts";
import type { FilterContribution } from "./filter-contribution.ts";

export const CORS_FILTER = "envoy.filters.http.cors";

type CorsSettings = DeepReadonly<Extract<HttpRouteFilter, { type: "CORS" }>["cors"]>;

/** Its settings stand with the routes that rules become, not here: see `corsPolicy`. */
export const corsContribution: FilterContribution = {
  name: CORS_FILTER,
  ofListener: pack(CorsSchema, create(CorsSchema)),
  ofHost: undefined,
  ofRoutes: new Map(),
};

/** What routes with CORS filters bring to the callers of a Service. Resolved once. */
export function resolveCorsFilters({
  httpRoutes,
}: MeshSnapshot): (service: string) => readonly FilterContribution[] {
  const services = new Set<string>();
  for (const { metadata, spec } of httpRoutes) {
    const rules = spec.rules ?? [];
    if (!rules.some(({ filters }) => filters?.some(({ type }) => type === "CORS"))) continue;
    for (const { kind, namespace = metadata.namespace, name } of spec.parentRefs ?? []) {
      if (kind === "Service") services.add(qualifiedName({ namespace, name }));
    }
  }
  return (service) => (services.has(service) ? [corsContribution] : []);
}

/** What the routes of a rule say to the filter. */
export function corsPolicy(cors: CorsSettings): Any {
  return pack(
    CorsPolicySchema,
    create(CorsPolicySchema, {
      allowOriginStringMatch: (cors.allowOrigins ?? []).map(originMatcher),
      allowMethods: (cors.allowMethods ?? []).join(", "),
      allowHeaders: (cors.allowHeaders ?? []).join(", "),
      exposeHeaders: (cors.exposeHeaders ?? []).join(", "),
      maxAge: String(cors.maxAge),
      ...(cors.allowCredentials === undefined ? {} : { allowCredentials: cors.allowCredentials }),
      // HTTPCORSFilter.allowOrigins: the route answers for the app, which need not know CORS.
      forwardNotMatchingPreflights: false,
    }),
  );
}

const DEFAULT_PORT: Readonly<Record<string, string>> = { http: ":80", https: ":443" };

/** `https://*.example.com`. Browsers leave a scheme's own port out, so that it is left out here as well. */
function originMatcher(origin: string): StringMatcher {
  const [, scheme = "", host = "", port = ""] = /^(https?):\/\/([^:]*)(:\d+)?$/.exec(origin) ?? [];
  if (scheme === "") return exact(origin);
  const suffix = port === DEFAULT_PORT[scheme] ? "" : port;
  if (!host.startsWith("*")) return exact(`${scheme}://${host.toLowerCase()}${suffix}`);
  // HTTPCORSFilter.allowOrigins: the asterisk stands for one label or several.
  const rest = quoted(host.slice(1).toLowerCase());
  return create(StringMatcherSchema, {
    matchPattern: {
      case: "safeRegex",
      value: { regex: `${scheme}://[^/:]+${rest}${suffix}` },
    },
  });
}

function exact(value: string): StringMatcher {
  return create(StringMatcherSchema, { matchPattern: { case: "exact", value } });
}

function quoted(text: string): string {
  return text.replaceAll(".", "\\.");
}
