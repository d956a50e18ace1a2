/** What a user's token costs: known, verified by each kind of key, and refused; and the filter that asks for it. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { bench, do_not_optimize, group } from "mitata";
import type { FieldError } from "../../src/decision/field-error.ts";
import { compileJwtAuthn } from "../../src/decision/filters/jwt-authn-rule.ts";
import { parseKeySet } from "../../src/decision/jwt/json-web-key-set.ts";
import { TokenVerifier } from "../../src/decision/jwt/token-verifier.ts";
import { JwtAuthenticationSchema } from "../../src/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { RequestHead } from "../../src/http/request-head.ts";
import { createFilterMetrics } from "../../src/proxy/filters/filter-metrics.ts";
import type { FilterServices } from "../../src/proxy/filters/filter-services.ts";
import type { FilterCall } from "../../src/proxy/filters/http-filter.ts";
import { JwtAuthnFilter } from "../../src/proxy/filters/jwt-authn-filter.ts";
import { type RequestOrigin, RequestOutcome } from "../../src/proxy/request-outcome.ts";
import { RoutedRequest } from "../../src/proxy/routed-request.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { keySetOf, signedToken, signingKey } from "../../test/support/signed-tokens.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const ISSUER = "https://login.example.com";
/** 900 bytes when it is signed with RSA. */
const CLAIMS = {
  ...{ iss: ISSUER, sub: "0b5d5cf0-1c7c-4d6b-9a53-8f2f6f2f7a11", aud: ["shop"], exp: 4e9 },
  ...{ iat: 1.7e9, jti: "f3a1c2d4", azp: "storefront", scope: "openid profile email" },
  ...{ email: "anna@example.com", name: "Anna Example", groups: ["customers", "beta", "gold"] },
};
const ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
const KEYS = ALGORITHMS.map((algorithm) => signingKey(algorithm, algorithm));
const SET = keySetOf(...KEYS);

function verifier(cacheSizeMax: number): TokenVerifier {
  const set = parseKeySet(SET);
  if (set.kind !== "keys") throw new Error(set.message);
  return new TokenVerifier({
    ...{ issuer: ISSUER, audiences: ["shop"], subjects: undefined, requiresExpiry: false },
    ...{ lifetimeMsMax: 0, skewMs: 60_000, keys: set.keys, cacheSizeMax },
    output: {
      ...{ payloadKey: "payload", headerKey: "", spacedClaims: ["scope"] },
      ...{ payloadField: undefined, claimFields: [] },
    },
  });
}

group("a token", () => {
  const [rsa] = KEYS;
  if (rsa === undefined) throw new Error("no key");
  const token = signedToken(rsa, CLAIMS);
  const knowing = verifier(100);
  knowing.verify(token, NOW_MS, undefined);
  bench("known", () => do_not_optimize(knowing.known(token, NOW_MS, undefined)));
  for (const key of KEYS) {
    const fresh = verifier(0);
    const signed = signedToken(key, CLAIMS);
    bench(`verified: ${key.algorithm}`, () =>
      do_not_optimize(fresh.verify(signed, NOW_MS, undefined)),
    );
  }
  const refusing = verifier(0);
  const expired = signedToken(rsa, { ...CLAIMS, exp: 1 });
  bench("refused: expired", () => do_not_optimize(refusing.verify(expired, NOW_MS, undefined)));
  bench("refused: no token at all", () =>
    do_not_optimize(refusing.verify("nonsense", NOW_MS, undefined)),
  );
});

group("the filter", () => {
  const [rsa] = KEYS;
  if (rsa === undefined) throw new Error("no key");
  const requirements: JsonObject[] = [{ provider_name: "shop" }, { allow_missing: {} }];
  const config = fromJson(JwtAuthenticationSchema, {
    providers: {
      shop: {
        ...{ issuer: ISSUER, audiences: ["shop"], local_jwks: { inline_string: SET } },
        ...{ forward: true, payload_in_metadata: "payload" },
      },
    },
    rules: [{ match: { prefix: "/" }, requires: { requires_any: { requirements } } }],
  });
  const errors: FieldError[] = [];
  const rule = compileJwtAuthn(anyPack(JwtAuthenticationSchema, config), "", errors);
  if (rule === undefined || errors.length > 0) throw new Error(JSON.stringify(errors));
  const services = {
    ...{ wallMs: () => NOW_MS, metrics: createFilterMetrics(new MetricRegistry()) },
  } as unknown as FilterServices;
  const filter = new JwtAuthnFilter(rule, services, undefined);
  const known = callOf({ authorization: `Bearer ${signedToken(rsa, CLAIMS)}` });
  bench("a request with a known token", () => do_not_optimize(filter.onRequest(known)));
  const none = callOf({});
  bench("a request without one", () => do_not_optimize(filter.onRequest(none)));
});

function callOf(fields: Readonly<Record<string, string>>): FilterCall {
  const origin = { connection: { scheme: "http", isHttp2: false } } as unknown as RequestOrigin;
  const head = new RequestHead();
  head.method = "GET";
  head.target = "/items/7";
  for (const [name, value] of Object.entries({ accept: "*/*", ...fields })) {
    head.headers.add(new HeaderField(new HeaderName(name), value));
  }
  const request = new RoutedRequest(origin);
  request.begin(head);
  request.path = "/items/7";
  return { request, outcome: new RequestOutcome(origin) } as unknown as FilterCall;
}
