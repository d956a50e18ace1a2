/**
 * Routes by claims of a verified token, written as Istio does: a header match on `@request.auth.claims.group`, or
 * `@request.auth.claims[group][name]` where names have dots. It is no header: no client can send it.
 */
import { create } from "@bufbuild/protobuf";
import { JWT_METADATA, JWT_PAYLOAD } from "../../decision/verified-token.ts";
import {
  type MetadataMatcher,
  MetadataMatcherSchema,
} from "../../gen/envoy/type/matcher/v3/metadata_pb.js";
import type { StringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import { claimPathOf, isClaimName } from "../../resource/kinds/claim-name.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { qualifiedName } from "../names.ts";

/** A text, or a list that has it. */
export function claimMatcher(name: string, test: StringMatcher): MetadataMatcher {
  const text = { matchPattern: { case: "stringMatch" as const, value: test } };
  const inList = {
    matchPattern: {
      case: "listMatch" as const,
      value: { matchPattern: { case: "oneOf" as const, value: text } },
    },
  };
  return create(MetadataMatcherSchema, {
    filter: JWT_METADATA,
    path: [JWT_PAYLOAD, ...(claimPathOf(name) ?? [])].map((key) => ({
      segment: { case: "key" as const, value: key },
    })),
    value: { matchPattern: { case: "orMatch", value: { valueMatchers: [text, inList] } } },
  });
}

/** Services (`namespace/name`) with an HTTPRoute or GRPCRoute that looks at claims. */
export function servicesWithClaimRoutes({
  httpRoutes,
  grpcRoutes,
}: MeshSnapshot): ReadonlySet<string> {
  const found = [...httpRoutes, ...grpcRoutes].filter(({ spec }) =>
    spec.rules.some(({ matches }) =>
      matches?.some(({ headers }) => headers?.some(({ name }) => isClaimName(name))),
    ),
  );
  return new Set(
    found.flatMap(({ metadata, spec }) =>
      (spec.parentRefs ?? []).map(({ namespace = metadata.namespace, name }) =>
        qualifiedName({ namespace, name }),
      ),
    ),
  );
}
