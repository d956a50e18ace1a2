/** What a rule of a GRPCRoute does to calls. Limits and rules are those of Gateway API v1. */
import { z } from "zod";
import { listRule, objectRule, reportRepeated, valueAt } from "../rule.ts";
import {
  checkMember,
  extensionRef,
  type HttpRouteFilter,
  headerModifier,
  requestMirror,
} from "./http-route-filter.ts";

/** Which field holds the settings of which type of filter. */
const MEMBER_OF_TYPE = {
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestMirror: "requestMirror",
  ExtensionRef: "extensionRef",
} as const;

export type GrpcRouteFilter = Extract<
  HttpRouteFilter,
  { readonly type: keyof typeof MEMBER_OF_TYPE }
>;

// The rule makes sure that exactly the member of the type is there, which is what the type says.
const filter = objectRule(
  z.strictObject({
    type: z
      .enum(Object.keys(MEMBER_OF_TYPE) as (keyof typeof MEMBER_OF_TYPE)[])
      .describe("The field of the same name holds its settings."),
    requestHeaderModifier: headerModifier.optional().describe("Changes the call's metadata."),
    responseHeaderModifier: headerModifier.optional().describe("Changes the answer's metadata."),
    requestMirror: requestMirror.optional().describe("Sends a copy of calls elsewhere."),
    extensionRef: extensionRef
      .optional()
      .describe("A RouteFilter (group mesh.tulle.dev) in the route's namespace."),
  }),
  (value, report) => checkMember(value, report, MEMBER_OF_TYPE),
) as unknown as z.ZodType<GrpcRouteFilter>;

/** Types of which a rule may hold one only. */
const UNREPEATABLE: readonly unknown[] = ["RequestHeaderModifier", "ResponseHeaderModifier"];

export const grpcRouteFilters = listRule(z.array(filter).max(16), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => {
      const type = valueAt(item, "type");
      return UNREPEATABLE.includes(type) ? String(type) : undefined;
    },
    path: ["type"],
    what: "filters of this type",
  });
});
