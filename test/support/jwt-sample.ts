/** Users' tokens in the sample bootstrap file: every place, requirement and trace of them. */
import type { JsonObject } from "@bufbuild/protobuf";
import { TYPE } from "./sample-parts.ts";

const PACKAGE = `${TYPE}.extensions.filters.http.jwt_authn.v3`;
const NO_KEYS = { inline_string: '{"keys":[]}' };
const MISSING = { allow_missing: {} };

const SHOP: JsonObject = {
  issuer: "https://issuer.example",
  audiences: ["shop"],
  subjects: { prefix: "user-" },
  require_expiration: true,
  max_lifetime: "86400s",
  local_jwks: NO_KEYS,
  forward: true,
  from_headers: [{ name: "x-token", value_prefix: "JWT " }],
  from_params: ["token"],
  from_cookies: ["token"],
  forward_payload_header: "x-payload",
  pad_forward_payload_header: true,
  payload_in_metadata: "payload",
  normalize_payload_in_metadata: { space_delimited_claims: ["scope"] },
  header_in_metadata: "header",
  clock_skew_seconds: 30,
  jwt_cache_config: { jwt_cache_size: 50 },
  claim_to_headers: [{ header_name: "x-user", claim_name: "sub" }],
  clear_route_cache: true,
};

export const JWT_FILTER: JsonObject = {
  name: "envoy.filters.http.jwt_authn",
  disabled: true,
  typed_config: {
    "@type": `${PACKAGE}.JwtAuthentication`,
    providers: { shop: SHOP, other: { local_jwks: NO_KEYS } },
    rules: [
      {
        match: { prefix: "/both" },
        requires: { requires_all: { requirements: [{ provider_name: "shop" }, MISSING] } },
      },
      {
        match: { prefix: "/one" },
        requires: {
          requires_any: {
            requirements: [
              { provider_and_audiences: { provider_name: "shop", audiences: ["desk"] } },
              { allow_missing_or_failed: {} },
            ],
          },
        },
      },
      { match: { prefix: "/" }, requirement_name: "staff" },
    ],
    requirement_map: { staff: { provider_name: "other" } },
    bypass_cors_preflight: true,
    strip_failure_response: true,
  },
};

export const JWT_OF_ROUTE: JsonObject = {
  "@type": `${PACKAGE}.PerRouteConfig`,
  requirement_name: "staff",
};

export const NO_JWT: JsonObject = { "@type": `${PACKAGE}.PerRouteConfig`, disabled: true };
