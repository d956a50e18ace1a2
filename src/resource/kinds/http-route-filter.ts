/** What a rule of an HTTPRoute does to requests and responses. Limits and rules are those of Gateway API v1. */
import { z } from "zod";
import {
  apiGroup,
  apiKind,
  dnsSubdomain,
  headerName,
  headerValue,
  objectName,
  portNumber,
} from "../fields.ts";
import { listRule, objectRule, type Report, reportRepeated, valueAt } from "../rule.ts";
import { cors } from "./http-route-cors.ts";
import { externalAuth } from "./http-route-external-auth.ts";
import { lowerName } from "./http-route-match.ts";
import { backendObjectRef } from "./route-references.ts";

const header = z.strictObject({ name: headerName(), value: headerValue() });

const namedHeaders = listRule(z.array(header).max(16), (items, report) => {
  reportRepeated(items, report, {
    identity: lowerName,
    path: ["name"],
    what: "header names (whatever their case)",
  });
});

export const headerModifier = z.strictObject({
  set: namedHeaders.optional().describe("Replaces every field of the name, or adds one."),
  add: namedHeaders.optional().describe("Adds a field beside those of the name."),
  remove: listRule(z.array(headerName()).max(16), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => (typeof item === "string" ? item.toLowerCase() : undefined),
      path: [],
      what: "header names (whatever their case)",
    });
  })
    .optional()
    .describe("Removes every field of these names."),
});

/** One of two ways to change a path. The rule below makes sure that the member of the type is there. */
export type HttpPathModifier =
  | { readonly type: "ReplaceFullPath"; readonly replaceFullPath: string }
  | { readonly type: "ReplacePrefixMatch"; readonly replacePrefixMatch: string };

const pathModifier = objectRule(
  z.strictObject({
    type: z.enum(["ReplaceFullPath", "ReplacePrefixMatch"]),
    replaceFullPath: z.string().max(1024).optional().describe("The whole new path."),
    replacePrefixMatch: z
      .string()
      .max(1024)
      .optional()
      .describe("Stands in for the prefix that matched; the rule needs one PathPrefix match."),
  }),
  (modifier, report) =>
    checkMember(modifier, report, {
      ReplaceFullPath: "replaceFullPath",
      ReplacePrefixMatch: "replacePrefixMatch",
    }),
) as unknown as z.ZodType<HttpPathModifier>;

const requestRedirect = z.strictObject({
  scheme: z.enum(["http", "https"]).optional().describe("Default: the request's."),
  hostname: dnsSubdomain().optional().describe("Default: the request's."),
  path: pathModifier.optional().describe("Default: the request's."),
  port: portNumber().optional().describe("Default: that of scheme when set, else the request's."),
  statusCode: z
    .literal([301, 302, 303, 307, 308])
    .default(302)
    .describe("The status of the response."),
});

const urlRewrite = z.strictObject({
  hostname: dnsSubdomain().optional().describe("The Host that the backend sees."),
  path: pathModifier.optional().describe("The path that the backend sees."),
});

const fraction = objectRule(
  z.strictObject({
    numerator: z.int().min(0).max(2_147_483_647),
    denominator: z.int().min(1).max(2_147_483_647).default(100),
  }),
  (value, report) => {
    const { numerator, denominator } = value;
    if (typeof numerator !== "number" || typeof denominator !== "number") return;
    if (numerator <= denominator) return;
    report({
      path: ["numerator"],
      message: `is ${numerator}, more than denominator ${denominator}`,
    });
  },
);

export const requestMirror = objectRule(
  z.strictObject({
    backendRef: backendObjectRef.describe("Gets a copy; its responses are dropped."),
    percent: z.int().min(0).max(100).optional().describe("Of requests. Default: all."),
    fraction: fraction.optional().describe("Of requests, instead of percent."),
  }),
  (mirror, report) => {
    if (mirror["percent"] === undefined || mirror["fraction"] === undefined) return;
    report({ path: ["fraction"], message: "must not be set beside percent" });
  },
);

export const extensionRef = z.strictObject({
  group: apiGroup(),
  kind: apiKind(),
  name: objectName(),
});

/** Which field holds the settings of which type of filter. */
const MEMBER_OF_TYPE = {
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestMirror: "requestMirror",
  RequestRedirect: "requestRedirect",
  URLRewrite: "urlRewrite",
  ExtensionRef: "extensionRef",
  CORS: "cors",
  ExternalAuth: "externalAuth",
} as const;

export type HttpRouteFilterType = keyof typeof MEMBER_OF_TYPE;

const members = {
  requestHeaderModifier: headerModifier,
  responseHeaderModifier: headerModifier,
  requestMirror,
  requestRedirect,
  urlRewrite,
  extensionRef,
  cors,
  externalAuth,
} as const;

/** A filter; `type` tells which settings it has. */
export type HttpRouteFilter = {
  [T in HttpRouteFilterType]: { readonly type: T } & {
    readonly [M in (typeof MEMBER_OF_TYPE)[T]]: z.output<(typeof members)[M]>;
  };
}[HttpRouteFilterType];

// The rule makes sure that exactly the member of the type is there, which is what the type says.
const filter = objectRule(
  z.strictObject({
    type: z
      .enum(Object.keys(MEMBER_OF_TYPE) as HttpRouteFilterType[])
      .describe("The field of the same name holds its settings."),
    requestHeaderModifier: headerModifier.optional().describe("Changes the request's header."),
    responseHeaderModifier: headerModifier.optional().describe("Changes the response's header."),
    requestMirror: requestMirror.optional().describe("Sends a copy of requests elsewhere."),
    requestRedirect: requestRedirect.optional().describe("Answers with a redirect."),
    urlRewrite: urlRewrite.optional().describe("Changes Host and path on the way to the backend."),
    extensionRef: extensionRef
      .optional()
      .describe("A RouteFilter (group mesh.tulle.dev) in the route's namespace."),
    cors: cors.optional().describe("Which origins of browsers may use the answers."),
    externalAuth: externalAuth
      .optional()
      .describe("Asks an authorization service; without an answer, requests get 403."),
  }),
  (value, report) => checkMember(value, report, MEMBER_OF_TYPE),
) as unknown as z.ZodType<HttpRouteFilter>;

/** Types of which a rule may hold several. */
const REPEATABLE: readonly string[] = ["RequestMirror", "ExtensionRef", "ExternalAuth"];

export const httpRouteFilters = listRule(z.array(filter).max(16), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => {
      const type = valueAt(item, "type");
      return typeof type !== "string" || REPEATABLE.includes(type) ? undefined : type;
    },
    path: ["type"],
    what: "filters of this type",
  });
  const redirect = items.findIndex((item) => valueAt(item, "type") === "RequestRedirect");
  const rewrite = items.findIndex((item) => valueAt(item, "type") === "URLRewrite");
  if (redirect === -1 || rewrite === -1) return;
  report({
    path: [Math.max(redirect, rewrite), "type"],
    message: `URLRewrite and RequestRedirect must not stand together (see item [${Math.min(redirect, rewrite)}])`,
  });
});

/** The member of the type must be set, and no other. */
export function checkMember(
  value: Readonly<Record<string, unknown>>,
  report: Report,
  memberOfType: Readonly<Record<string, string>>,
): void {
  const type = value["type"];
  if (typeof type !== "string" || !Object.hasOwn(memberOfType, type)) return;
  for (const [owner, member] of Object.entries(memberOfType)) {
    const isSet = value[member] !== undefined;
    if (owner === type && !isSet) {
      report({
        path: [member],
        code: "missing-field",
        message: `is missing; type ${type} needs it`,
      });
    } else if (owner !== type && isSet) {
      report({ path: [member], message: `belongs to type ${owner}, but type is ${type}` });
    }
  }
}
