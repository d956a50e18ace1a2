/** `mesh.tulle.dev/v1 RouteFilter`: what a rule of a route can say that the Gateway API has no field for. */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { objectRule } from "../rule.ts";
import { callerSource } from "./caller-source.ts";
import { checkExpression } from "./http-route-match.ts";

/** Bytes of an answer that sidecars give themselves. Envoy's default bound. */
const BODY_MAX = 4096;

const directResponse = z.strictObject({
  statusCode: z.int().min(200).max(599).describe("The status of the answer."),
  contentType: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[!-~]+( [!-~]+)*$/, { error: "a media type like application/json" })
    .default("text/plain"),
  body: z.string().max(BODY_MAX).default("").describe("The answer's body."),
});

const pathRegexRewrite = objectRule(
  z.strictObject({
    pattern: z
      .string()
      .min(1)
      .max(1024)
      .describe("An RE2 expression that is looked for in the path."),
    substitution: z
      .string()
      .max(1024)
      .describe("What stands in for each match; \\1 to \\9 for its groups."),
  }),
  ({ pattern }, report) => {
    if (typeof pattern !== "string") return;
    checkExpression(pattern, (failure) => report({ ...failure, path: ["pattern"] }));
  },
);

const specSchema = objectRule(
  z.strictObject({
    sources: z
      .array(callerSource)
      .min(1)
      .max(16)
      .optional()
      .describe("The rule is for these callers only: any one of them."),
    directResponse: directResponse
      .optional()
      .describe("The answer to every request of the rule, which goes nowhere."),
    pathRegexRewrite: pathRegexRewrite
      .optional()
      .describe("Changes the path that the backend sees. Instead of a URLRewrite of the path."),
  }),
  (spec, report) => {
    const set = ["sources", "directResponse", "pathRegexRewrite"].filter(
      (name) => spec[name] !== undefined,
    );
    if (set.length === 0) {
      report({
        path: [],
        message: "is empty; set sources, directResponse or pathRegexRewrite",
        allowed: "sources, directResponse or pathRegexRewrite",
      });
    }
    if (spec["directResponse"] === undefined || spec["pathRegexRewrite"] === undefined) return;
    report({
      path: ["pathRegexRewrite"],
      message: "must not stand beside directResponse: no backend sees the path",
    });
  },
);

export type RouteFilterSpec = DeepReadonly<z.output<typeof specSchema>>;
export type RouteFilter = MeshObject<"RouteFilter", RouteFilterSpec, ObjectStatus>;

export const routeFilterKind = defineKind<RouteFilter>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RouteFilter",
  plural: "routefilters",
  shortNames: ["rf"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "What a rule of an HTTPRoute or GRPCRoute can say beyond the Gateway API. A rule names it in a filter of type ExtensionRef, with group mesh.tulle.dev and kind RouteFilter; it lives in the route's namespace. Rules that are for some callers only keep their place in the order of rules: other callers pass over them.",
  status: [{ path: "conditions", description: "Accepted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: RouteFilter
metadata:
  name: from-canaries
spec:
  sources:
    - workloadLabels: {version: canary}
    - serviceAccounts: [tester]
`,
});
