/** `mesh.tulle.dev/v1 SecurityPolicy`: logins of people at a gateway, by OpenID Connect. Fields as Envoy Gateway names them. */
import { z } from "zod";
import { dnsSubdomain, duration, headerName } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { listRule, objectRule, type Report, reportRepeated, stringRule, valueAt } from "../rule.ts";
import { policyTargetRefs } from "./policy-target-refs.ts";

const HEADERS_MAX = 32;
const SCOPES_MAX = 32;

const url = (example: string) =>
  stringRule(z.string().min(1).max(2048), (text, report) => {
    const parsed = URL.parse(text);
    const isUrl = parsed?.protocol === "https:" || parsed?.protocol === "http:";
    if (isUrl && parsed.username === "" && parsed.hash === "") return;
    report({
      path: [],
      code: "invalid-value",
      message: "must be an http or https URL without a user and a fragment",
      allowed: example,
    });
  });

/** What a browser sends as it is, and what no cookie attribute ends at. */
const path = () =>
  z
    .string()
    .max(1024)
    .regex(/^\/[A-Za-z0-9\-._~/]*$/, { error: "a path of letters, digits and -._~/" });

const provider = z.strictObject({
  issuer: url("https://login.example").describe(
    "Who issues the tokens: the claim iss, character by character.",
  ),
  authorizationEndpoint: url("https://login.example/auth").describe(
    "Where browsers are sent to log in; see <issuer>/.well-known/openid-configuration.",
  ),
  tokenEndpoint: url("https://login.example/token").describe(
    "Where the gateway asks for tokens, over a connection of its own.",
  ),
  endSessionEndpoint: url("https://login.example/logout")
    .optional()
    .describe(
      "Where browsers are sent to log out. Default: the session ends at the gateway alone.",
    ),
  jwksUri: url("https://login.example/keys")
    .optional()
    .describe(
      "Where its keys are. Default: what <issuer>/.well-known/openid-configuration says. The control plane fetches them.",
    ),
  caCertificates: z
    .string()
    .min(1)
    .max(65_536)
    .optional()
    .describe("Roots for tokenEndpoint, in PEM. Default: those of the gateway's system."),
});

const oidc = objectRule(
  z.strictObject({
    provider: provider.describe("The identity provider."),
    clientID: z.string().min(1).max(256).describe("What the provider knows the gateway by."),
    clientSecretFile: z
      .string()
      .min(2)
      .max(4096)
      .regex(/^\/[^\0\n]*$/, { error: "an absolute path on the gateway's machine" })
      .describe(
        "A file on the gateway's machine with the client's secret. It also gives the key that cookies are encrypted by: gateways that share logins share it.",
      ),
    clientAuthentication: z
      .enum(["Basic", "Body"])
      .default("Basic")
      .describe(
        "How the secret is sent to tokenEndpoint: client_secret_basic or client_secret_post.",
      ),
    redirectURL: url("https://shop.example/oauth2/callback")
      .optional()
      .describe(
        "Where the provider sends browsers back to; it must know it. Requests for other hosts are sent to this one first. Default: /oauth2/callback of each host.",
      ),
    logoutPath: path().default("/logout").describe("Ends the session."),
    scopes: z
      .array(
        z
          .string()
          .regex(/^[!#-[\]-~]+$/, { error: "a scope without spaces" })
          .max(256),
      )
      .max(SCOPES_MAX)
      .default([])
      .describe("Beside openid. offline_access makes many providers give a refresh token."),
    forwardAccessToken: z
      .boolean()
      .default(false)
      .describe("Apps get the access token in Authorization, behind Bearer."),
    refreshToken: z
      .boolean()
      .default(true)
      .describe("Sessions go on by the refresh token, where the provider gives one."),
    claimToHeaders: listRule(
      z
        .array(
          z.strictObject({
            header: headerName(),
            claim: z
              .string()
              .min(1)
              .max(256)
              .describe("A claim of the ID token; address.city for one inside another."),
          }),
        )
        .max(HEADERS_MAX),
      (items, report) => {
        reportRepeated(items, report, {
          identity: (item) => {
            const header = valueAt(item, "header");
            return typeof header === "string" ? header.toLowerCase() : undefined;
          },
          path: ["header"],
          what: "headers",
        });
      },
    )
      .default([])
      .describe("Apps get claims in headers. What clients send in them is removed."),
    timeout: duration({ minMs: 100, maxMs: 60_000 })
      .default("10s")
      .describe("How long the provider's answer is waited for."),
  }),
  checkPaths,
);

const specSchema = z.strictObject({
  targetRefs: policyTargetRefs({
    group: "gateway.networking.k8s.io.",
    kind: "Gateway, HTTPRoute or GRPCRoute.",
    name: "An object in the policy's namespace.",
  }).describe("What asks for a login. One for a route goes before one for its Gateway."),
  oidc: oidc.describe("Who logs people in, and how."),
});

export type SecurityPolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type SecurityPolicy = MeshObject<"SecurityPolicy", SecurityPolicySpec, ObjectStatus>;

/** Of each host, where a policy names no other. */
export const REDIRECT_PATH_DEFAULT = "/oauth2/callback";

export const securityPolicyKind = defineKind<SecurityPolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "SecurityPolicy",
  plural: "securitypolicies",
  shortNames: ["sp"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Logins at a gateway by OpenID Connect: the code flow with PKCE, state and nonce bound to the browser, sessions in encrypted cookies. A browser without a session is sent to the provider, other clients get 401. Apps and policies see the user of the ID token.",
  status: [
    {
      path: "conditions",
      description:
        "Accepted: True, or False with TargetNotFound, Conflicted. Warnings: KeysMissing.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: SecurityPolicy
metadata:
  name: staff
spec:
  targetRefs:
    - {group: gateway.networking.k8s.io, kind: Gateway, name: shop}
  oidc:
    provider:
      issuer: https://login.example
      authorizationEndpoint: https://login.example/auth
      tokenEndpoint: https://login.example/token
      endSessionEndpoint: https://login.example/session/end
    clientID: shop
    clientSecretFile: /etc/shop/oidc-secret
    redirectURL: https://shop.example/oauth2/callback
    claimToHeaders:
      - {header: x-user, claim: sub}
`,
});

/** One path cannot begin and end a session. */
function checkPaths(value: Readonly<Record<string, unknown>>, report: Report): void {
  const { redirectURL, logoutPath } = value;
  if (typeof logoutPath !== "string") return;
  const redirectPath =
    typeof redirectURL === "string" ? URL.parse(redirectURL)?.pathname : REDIRECT_PATH_DEFAULT;
  if (redirectPath !== logoutPath) return;
  report({ path: ["logoutPath"], message: "must not be the path of redirectURL" });
}
