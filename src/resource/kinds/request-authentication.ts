/** `mesh.tulle.dev/v1 RequestAuthentication`: whose tokens say who a user is. Istio's fields and meaning. */
import { z } from "zod";
import { dnsSubdomain, duration, headerName } from "../fields.ts";
import { defineKind } from "../kind.ts";
import { labels } from "../metadata.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import {
  type LooseRecord,
  listRule,
  objectRule,
  type Report,
  reportRepeated,
  stringRule,
  valueAt,
} from "../rule.ts";
import { policyTargetRefs, SERVICE_ONLY } from "./policy-target-refs.ts";

const RULES_MAX = 64;
/** What a key set may have inline. */
const JWKS_LENGTH_MAX = 65_536;
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const place = () => z.string().min(1).max(256).regex(TOKEN, { error: "a name without spaces" });

const keysUrl = stringRule(z.string().min(1).max(2048), (text, report) => {
  const url = URL.parse(text);
  const isUrl = url !== null && (url.protocol === "https:" || url.protocol === "http:");
  if (isUrl && url.username === "" && url.password === "") return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be an http or https URL without a user",
    allowed: "https://issuer.example/keys",
  });
});

const inlineKeys = stringRule(z.string().min(1).max(JWKS_LENGTH_MAX), (text, report) => {
  if (hasKeys(text)) return;
  report({
    path: [],
    code: "invalid-value",
    message: "is no JSON Web Key Set",
    allowed: '{"keys": [...]}',
  });
});

const jwtRule = objectRule(
  z.strictObject({
    issuer: z
      .string()
      .min(1)
      .max(2048)
      .describe("The claim iss of its tokens, character by character."),
    audiences: z
      .array(z.string().min(1).max(2048))
      .max(64)
      .default([])
      .describe("One of them must be in the claim aud. Default: any audience."),
    jwksUri: keysUrl
      .optional()
      .describe(
        "Where the issuer's keys are: the control plane fetches them every 30 s and sends them to sidecars. Default: what <issuer>/.well-known/openid-configuration says.",
      ),
    jwks: inlineKeys.optional().describe("Instead of jwksUri: the key set itself, as JSON."),
    fromHeaders: z
      .array(
        z.strictObject({
          name: headerName(),
          prefix: z.string().max(64).default("").describe("What stands before the token."),
        }),
      )
      .max(16)
      .default([])
      .describe(
        'Where tokens are looked for. Without any place: Authorization behind "Bearer ", and the query parameter access_token.',
      ),
    fromParams: z.array(place()).max(16).default([]).describe("Query parameters."),
    fromCookies: z.array(place()).max(16).default([]).describe("Cookies."),
    outputPayloadToHeader: headerName()
      .optional()
      .describe("The app gets the payload in this header, in base64url."),
    outputClaimToHeaders: listRule(
      z
        .array(
          z.strictObject({
            header: headerName(),
            claim: z
              .string()
              .min(1)
              .max(256)
              .describe(
                "A claim that is a text, a number or a truth value; address.city for one inside another.",
              ),
          }),
        )
        .max(32),
      (items, report) => {
        reportRepeated(items, report, {
          identity: headerOf,
          path: ["header"],
          what: "headers",
        });
      },
    )
      .default([])
      .describe("The app gets claims in headers. What clients send in them is removed."),
    forwardOriginalToken: z
      .boolean()
      .default(false)
      .describe("Whether the app gets the token itself, too."),
    timeout: duration({ minMs: 100, maxMs: 30_000 })
      .default("5s")
      .describe("How long the answer with the keys is waited for."),
  }),
  (rule, report) => {
    if (rule["jwks"] !== undefined && rule["jwksUri"] !== undefined) {
      report({ path: ["jwks"], message: "must not be set beside jwksUri" });
    }
    if (rule["jwks"] === undefined && rule["jwksUri"] === undefined) checkDiscovery(rule, report);
  },
);

const specSchema = objectRule(
  z.strictObject({
    selector: z
      .strictObject({ matchLabels: labels().default({}) })
      .optional()
      .describe(
        "Workloads with all of these labels, in the policy's namespace; of a policy in the root namespace, in all of them. Default: all workloads.",
      ),
    targetRefs: policyTargetRefs(SERVICE_ONLY)
      .optional()
      .describe("Instead of selector: the ports that these Services lead to."),
    jwtRules: z
      .array(jwtRule)
      .min(1)
      .max(RULES_MAX)
      .describe("Issuers. A request may have a token of one of them in each place."),
  }),
  (spec, report) => {
    if (spec["selector"] !== undefined && spec["targetRefs"] !== undefined) {
      report({ path: ["targetRefs"], message: "must not be set beside selector" });
    }
  },
);

export type RequestAuthenticationSpec = DeepReadonly<z.output<typeof specSchema>>;
export type JwtRule = RequestAuthenticationSpec["jwtRules"][number];
export type RequestAuthentication = MeshObject<
  "RequestAuthentication",
  RequestAuthenticationSpec,
  ObjectStatus
>;

export const requestAuthenticationKind = defineKind<RequestAuthentication>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RequestAuthentication",
  plural: "requestauthentications",
  shortNames: ["ra"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Whose tokens (JWT) say who a user is. The sidecar of the called workload verifies each: signature, issuer, audience and time, with 60 s for clocks that differ. A bad token gets 401, as does one of an issuer whose keys are not known. A request without a token passes, and has no user: an AuthorizationPolicy may ask for one (requestPrincipals). All policies of a workload hold together.",
  status: [
    {
      path: "conditions",
      description: "Accepted: True, or False with TargetNotFound, InvalidKind.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: RequestAuthentication
metadata:
  name: shop-users
spec:
  targetRefs:
    - {kind: Service, name: catalog}
  jwtRules:
    - issuer: https://login.example.com
      audiences: [shop]
      outputClaimToHeaders:
        - {header: x-user, claim: sub}
`,
});

function headerOf(item: unknown): string | undefined {
  const header = valueAt(item, "header");
  return typeof header === "string" ? header.toLowerCase() : undefined;
}

/** Without a URL the issuer is one (OpenID Connect Discovery 1.0 section 4). */
function checkDiscovery(rule: LooseRecord, report: Report): void {
  const { issuer } = rule;
  if (typeof issuer !== "string" || issuer === "") return;
  const url = URL.parse(issuer);
  if (url?.protocol === "https:" || url?.protocol === "http:") return;
  report({
    path: ["jwksUri"],
    code: "missing-field",
    message: "is missing; the issuer is no URL that its keys could be found by",
  });
}

function hasKeys(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return (
      typeof value === "object" && value !== null && "keys" in value && Array.isArray(value.keys)
    );
  } catch {
    return false;
  }
}
