/** Where tokens are looked for at the sidecar, of which issuers, and for which requests; and routes by their claims. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { claims, KEY, NAME, OPTIONAL, setUp } from "../support/jwt-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { keySetOf, signedToken, signingKey } from "../support/signed-tokens.ts";

test("places, scheme and forwarding are the provider's", async (context) => {
  const { ask, seen } = await setUp(context, {
    provider: {
      from_headers: [{ name: "x-token", value_prefix: "JWT " }],
      from_params: ["t"],
      from_cookies: ["session"],
      forward: true,
    },
  });
  const token = signedToken(KEY, claims());
  assert.equal((await ask("/", `x-token: JWT ${token}`)).status, 200);
  assert.equal(headerOf(seen(), "x-token"), `JWT ${token}`);
  assert.equal((await ask(`/?t=${token}`)).status, 200);
  assert.equal((await ask("/", `Cookie: a=b; session=${token}`)).status, 200);
  assert.equal((await ask("/", `Cookie: session=${token}; session=${token}`)).status, 400);
  assert.equal((await ask("/", `Authorization: Bearer ${token}`)).status, 401);
});

test("requirements nest, and routes name one or none", async (context) => {
  const keys = [signingKey("ES256", "a"), signingKey("ES256", "b")];
  const place = (name: string) => ({ from_headers: [{ name }] });
  const filter = (index: number): JsonObject => ({
    issuer: `https://${index}.example`,
    local_jwks: { inline_string: keySetOf(keys[index]!) },
    ...place(`x-${index}`),
  });
  const both = {
    requires_all: { requirements: [{ provider_name: "p0" }, { provider_name: "p1" }] },
  };
  const { ask } = await setUp(context, {
    filter: {
      providers: { p0: filter(0), p1: filter(1) },
      rules: [
        { match: { prefix: "/both" }, requires: both },
        { match: { path: "/free" } },
        {
          match: { prefix: "/", headers: [{ name: "x-need", present_match: true }] },
          requires: { provider_name: "p1" },
        },
      ],
    },
  });
  const [a, b] = keys.map(
    (key, index) => `x-${index}: ${signedToken(key, { iss: `https://${index}.example` })}`,
  );
  assert.equal((await ask("/both", a!)).status, 401);
  assert.equal((await ask("/both", a!, b!)).status, 200);
  assert.equal((await ask("/free")).status, 200);
  assert.equal((await ask("/other")).status, 200);
  assert.equal((await ask("/other", "x-need: 1")).status, 401);
  assert.equal((await ask("/other", "x-need: 1", b!)).status, 200);
});

test("a route's own word goes before the listener's rules", async (context) => {
  const map = { requirement_map: { open: { allow_missing: {} } } };
  const open = await setUp(context, { filter: map, route: { requirement_name: "open" } });
  assert.equal((await open.ask("/")).status, 200);
  const off = await setUp(context, { route: { disabled: true } });
  assert.equal((await off.send("nonsense")).status, 200);
  const wrong = await setUp(context, { route: { requirement_name: "gone" } });
  assert.equal((await wrong.send(signedToken(KEY, claims()))).status, 403);
});

test("routes are chosen by claims", async (context) => {
  const claimIs = (name: string, value: JsonObject): JsonObject => ({
    prefix: "/",
    dynamic_metadata: [{ filter: NAME, path: [{ key: "payload" }, { key: name }], value }],
  });
  const direct = (body: string) => ({
    direct_response: { status: 200, body: { inline_string: body } },
  });
  const { ask, send } = await setUp(context, {
    requires: OPTIONAL,
    provider: {
      payload_in_metadata: "payload",
      clear_route_cache: true,
      normalize_payload_in_metadata: { space_delimited_claims: ["scope"] },
    },
    routes: [
      { match: claimIs("tier", { string_match: { exact: "gold" } }), ...direct("gold") },
      {
        match: claimIs("scope", { list_match: { one_of: { string_match: { exact: "beta" } } } }),
        ...direct("beta"),
      },
      { match: { prefix: "/" }, ...direct("all") },
    ],
  });
  assert.equal((await ask("/")).body, "all");
  assert.equal((await send(signedToken(KEY, claims({ tier: "gold" })))).body, "gold");
  assert.equal((await send(signedToken(KEY, claims({ scope: "read beta" })))).body, "beta");
  assert.equal((await send(signedToken(KEY, claims({ scope: "betas" })))).body, "all");
});

test("preflights of browsers pass, which have no tokens", async (context) => {
  const { proxy, ask } = await setUp(context, { filter: { bypass_cors_preflight: true } });
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  client.send(
    "OPTIONS / HTTP/1.1\r\nHost: app\r\nOrigin: https://a\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
  );
  assert.equal((await client.response()).status, 200);
  assert.equal((await ask("/", "Origin: https://a")).status, 401);
});

test("clients are told nothing where that is wanted", async (context) => {
  const { send } = await setUp(context, { filter: { strip_failure_response: true } });
  const answer = await send("nonsense");
  assert.equal(answer.status, 401);
  assert.equal(answer.body.trim(), "");
  assert.equal(headerOf(answer, "www-authenticate"), undefined);
});
