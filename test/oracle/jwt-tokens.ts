/** Tokens of the oracle's users, and the listener that asks for them. */
import type { JsonObject } from "@bufbuild/protobuf";
import { NO_KEYS } from "../../src/decision/jwt/public-key-set.ts";
import { encoded, keySetOf, signedToken, signingKey } from "../support/signed-tokens.ts";

type Json = JsonObject;

const HTTP = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3";
const NAME = "envoy.filters.http.jwt_authn";
const ISSUER = "https://issuer.example";

const EC = signingKey("ES256", "ec");
const RSA = signingKey("RS256", "rsa");
const PSS = { ...RSA, algorithm: "PS256" };
const ED = signingKey("EdDSA", "ed");
const OTHER = signingKey("ES256", "other");

const claims = (more: object = {}): object => ({
  iss: ISSUER,
  sub: "anna",
  aud: ["shop"],
  exp: 4_000_000_000,
  level: 3,
  ratio: 0.5,
  staff: true,
  groups: ["a", "b"],
  scope: "read write",
  address: { city: "Bern" },
  odd: ["\u00ff\u00fe?", 1, null, {}],
  ...more,
});

const good = signedToken(EC, claims());
const [head, payload, signature] = good.split(".");

/** By the name of the case. */
export const TOKENS = {
  ec: good,
  rsa: signedToken(RSA, claims()),
  ed: signedToken(ED, claims()),
  "no-kid": signedToken(EC, claims(), { kid: undefined }),
  "audience-text": signedToken(EC, claims({ aud: "shop" })),
  "audience-other": signedToken(EC, claims({ aud: "desk" })),
  "audience-none": signedToken(EC, claims({ aud: undefined })),
  "audience-number": signedToken(EC, claims({ aud: 7 })),
  "issuer-other": signedToken(EC, claims({ iss: "https://other.example" })),
  "issuer-none": signedToken(EC, claims({ iss: undefined })),
  "issuer-number": signedToken(EC, claims({ iss: 7 })),
  expired: signedToken(EC, claims({ exp: 1_000_000_000 })),
  "expiry-text": signedToken(EC, claims({ exp: "soon" })),
  "expiry-negative": signedToken(EC, claims({ exp: -1 })),
  "expiry-fraction": signedToken(EC, claims({ exp: 4_000_000_000.5 })),
  "not-yet": signedToken(EC, claims({ nbf: 3_900_000_000 })),
  "kid-unknown": signedToken(EC, claims(), { kid: "gone" }),
  "kid-number": signedToken(EC, claims(), { kid: 7 }),
  "algorithm-none": `${encoded('{"alg":"none"}')}.${payload}.`,
  "algorithm-none-signed": `${encoded('{"alg":"none"}')}.${payload}.${signature}`,
  "algorithm-unknown": `${encoded('{"alg":"ES1"}')}.${payload}.${signature}`,
  "algorithm-number": `${encoded('{"alg":7}')}.${payload}.${signature}`,
  "algorithm-of-other-key": signedToken(EC, claims(), { kid: "rsa" }),
  "algorithm-other-than-key-says": signedToken(PSS, claims()),
  "signature-of-other-key": signedToken(OTHER, claims(), { kid: "ec" }),
  "signature-short": `${head}.${payload}.AAAA`,
  "signature-base64": `${head}.${payload}.a+b/`,
  "signature-padded": `${good}==`,
  "header-no-json": `${encoded("alg")}.${payload}.${signature}`,
  "header-base64": `a+b.${payload}.${signature}`,
  "payload-no-json": signedToken(EC, "text"),
  "payload-base64": `${head}.+.${signature}`,
  "payload-list": signedToken(EC, "[]"),
  "two-parts": `${head}.${payload}`,
  "four-parts": `${good}.x`,
  word: "x",
  critical: signedToken(EC, claims(), { crit: ["x"], x: 1 }),
  "member-twice": signedToken(EC, JSON.stringify(claims()).replace("{", '{"sub":"root",')),
} as const;

export const EMPTY_TOKEN = signedToken(EC, claims({ iss: "https://empty.example" }));
export const STAFF_TOKEN = signedToken(OTHER, { iss: "https://staff.example", sub: "otto" });

const SHOP: Json = {
  issuer: ISSUER,
  audiences: ["shop"],
  local_jwks: { inline_string: keySetOf(EC, RSA, ED) },
  forward_payload_header: "x-payload",
  payload_in_metadata: "payload",
  claim_to_headers: [
    "sub",
    "level",
    "ratio",
    "staff",
    "groups",
    "address",
    "address.city",
    "odd",
    "gone",
  ].map((claim) => ({ header_name: `x-${claim.replace(".", "-")}`, claim_name: claim })),
  normalize_payload_in_metadata: { space_delimited_claims: ["scope"] },
  clear_route_cache: true,
};
const STAFF: Json = {
  issuer: "https://staff.example",
  local_jwks: { inline_string: keySetOf(OTHER) },
  from_headers: [{ name: "x-token", value_prefix: "JWT " }],
  from_params: ["staff"],
  from_cookies: ["staff"],
  forward: true,
};
const EMPTY: Json = {
  issuer: "https://empty.example",
  local_jwks: { inline_string: NO_KEYS },
};

const provider = (provider_name: string): Json => ({ provider_name });
const any = (...requirements: Json[]): Json => ({ requires_any: { requirements } });
const all = (...requirements: Json[]): Json => ({ requires_all: { requirements } });
const MISSING: Json = { allow_missing: {} };
const FAILED: Json = { allow_missing_or_failed: {} };

const rule = (path: string, requires: Json): Json => ({ match: { path }, requires });

export const JWT_FILTERS: readonly Json[] = [
  {
    name: NAME,
    typed_config: {
      "@type": `${HTTP}.JwtAuthentication`,
      providers: { shop: SHOP, staff: STAFF, empty: EMPTY },
      rules: [
        rule("/optional", any(provider("shop"), MISSING)),
        rule("/lenient", any(provider("shop"), FAILED)),
        rule("/missing", MISSING),
        rule("/failed", FAILED),
        rule("/staff", provider("staff")),
        rule("/both", all(provider("shop"), provider("staff"))),
        rule("/either", any(provider("shop"), provider("staff"))),
        rule("/each", all(any(provider("shop"), MISSING), any(provider("staff"), MISSING))),
        rule("/desk", {
          provider_and_audiences: { provider_name: "shop", audiences: ["desk"] },
        }),
        rule("/empty", provider("empty")),
        { match: { path: "/open" } },
        { match: { path: "/named" }, requirement_name: "named" },
        { match: { prefix: "/", headers: [{ name: "x-skip", present_match: true }] } },
        { match: { prefix: "/" }, requires: provider("shop") },
      ],
      requirement_map: { named: provider("staff"), open: MISSING },
      bypass_cors_preflight: true,
    },
  },
];

const ofRoute = (config: Json): Json => ({
  typed_per_filter_config: { [NAME]: { "@type": `${HTTP}.PerRouteConfig`, ...config } },
});

const claimIs = (name: string, value: Json): Json => ({
  path: "/claims",
  dynamic_metadata: [{ filter: NAME, path: [{ key: "payload" }, { key: name }], value }],
});
const text = (exact: string): Json => ({ string_match: { exact } });

export const jwtVirtualHosts: Json[] = [
  {
    name: "jwt",
    domains: ["*"],
    routes: [
      { match: { path: "/off" }, route: { cluster: "alpha" }, ...ofRoute({ disabled: true }) },
      {
        match: { path: "/route" },
        route: { cluster: "alpha" },
        ...ofRoute({ requirement_name: "named" }),
      },
      {
        match: { path: "/wrong" },
        route: { cluster: "alpha" },
        ...ofRoute({ requirement_name: "gone" }),
      },
      { match: claimIs("sub", text("nobody")), route: { cluster: "gamma" } },
      {
        match: claimIs("scope", { list_match: { one_of: text("write") } }),
        route: { cluster: "beta" },
      },
      { match: { prefix: "/" }, route: { cluster: "alpha" } },
    ],
  },
];
