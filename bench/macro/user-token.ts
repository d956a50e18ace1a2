/** The token of a user who asks for something again and again, and the filter that asks for it. */
import { generateKeyPairSync, sign } from "node:crypto";

const JWT = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
const ISSUER = "https://login.example.com";
const KEY_ID = "bench";
/** Seconds since the epoch: after any measurement. */
const EXPIRY_S = 4_000_000_000;

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** As large as those of common issuers: 900 bytes. */
const CLAIMS = {
  ...{ iss: ISSUER, sub: "0b5d5cf0-1c7c-4d6b-9a53-8f2f6f2f7a11", aud: ["shop"], exp: EXPIRY_S },
  ...{ iat: 1_700_000_000, jti: "f3a1c2d4", azp: "storefront", scope: "openid profile email" },
  ...{ email: "anna@example.com", name: "Anna Example", groups: ["customers", "beta", "gold"] },
};

/** `Authorization: Bearer …`. */
export const TOKEN_FIELD = `Authorization: Bearer ${token()}`;

/** Envoy's filter as the control plane writes it. The token goes on to the app, so that all variants send the same. */
export function tokenFilter(): object {
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: KEY_ID, alg: "RS256", use: "sig" };
  return {
    name: "envoy.filters.http.jwt_authn",
    typed_config: {
      "@type": JWT,
      providers: {
        shop: {
          issuer: ISSUER,
          audiences: ["shop"],
          local_jwks: { inline_string: JSON.stringify({ keys: [jwk] }) },
          forward: true,
          payload_in_metadata: "payload",
          jwt_cache_config: { jwt_cache_size: 1_000 },
        },
      },
      rules: [
        {
          match: { prefix: "/" },
          requires: {
            requires_any: { requirements: [{ provider_name: "shop" }, { allow_missing: {} }] },
          },
        },
      ],
    },
  };
}

function token(): string {
  const head = encoded({ alg: "RS256", kid: KEY_ID, typ: "JWT" });
  const signed = `${head}.${encoded(CLAIMS)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
