/**
 * Users' tokens as people meet them: a real identity provider, its keys fetched by the control plane, and sidecars that
 * accept its tokens, refuse others, and route by what they say.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { IdentityProvider } from "../support/identity-provider.ts";
import { keySetOf, type SigningKey, signedToken, signingKey } from "../support/signed-tokens.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

/** Answers with its name and the headers that it was sent. */
const APP = `
require("node:http").createServer((request, response) => {
  response.end(JSON.stringify({ app: process.env.TULLE_SERVICE ?? process.env.APP, headers: request.headers }));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const KEY = signingKey("ES256", "first");
let provider: IdentityProvider;
let mesh: CatalogMesh;

before(async () => {
  provider = await IdentityProvider.start({
    keys: [KEY],
    audience: "shop",
    claims: { groups: ["beta", "staff"], plan: { name: "gold" } },
  });
  mesh = await CatalogMesh.start({
    name: "users",
    app: APP,
    services: { catalog: { env: { APP: "catalog" } }, preview: { env: { APP: "preview" } } },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: { fetching: { allowedAddresses: ["127.0.0.1"] } },
      },
    ],
  });
});

after(async () => {
  await mesh?.remove();
  await provider?.stop();
});

function authentication(rule: object): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "RequestAuthentication",
    metadata: { name: "users" },
    spec: {
      targetRefs: [{ kind: "Service", name: "catalog" }],
      jwtRules: [{ issuer: provider.issuer, audiences: ["shop"], ...rule }],
    },
  };
}

async function ask(token?: string, headers: object = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await mesh.ask("/", { headers: { ...headers, ...authorization } });
  const isApp = answer.status === 200;
  return {
    ...answer,
    ...(isApp ? JSON.parse(answer.body) : { app: "", headers: {} }),
    response: answer,
  };
}

/** Keys are on their way when the policy is: until they are there, tokens get 401. */
async function untilAccepted(token: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await ask(token)).status === 200) return;
  }
  assert.fail("the token is not accepted");
}

test("T28: tokens of a real identity provider are accepted, by discovery; others get 401", async () => {
  await mesh.apply(
    authentication({
      outputPayloadToHeader: "x-payload",
      outputClaimToHeaders: [
        { header: "x-user", claim: "sub" },
        { header: "x-plan", claim: "plan.name" },
      ],
    }),
  );
  const token = await provider.token();
  await untilAccepted(token);
  const accepted = await ask(token, { "x-user": "root" });
  assert.equal(accepted.headers["x-user"], "anna");
  assert.equal(accepted.headers["x-plan"], "gold");
  assert.equal(accepted.headers.authorization, undefined);
  const payload = JSON.parse(Buffer.from(accepted.headers["x-payload"], "base64url").toString());
  assert.equal(payload.iss, provider.issuer);
  assert.equal((await ask()).status, 200, "without a token");
  assert.equal((await ask(undefined, { "x-user": "root" })).headers["x-user"], undefined);
  const [head, body] = token.split(".");
  const stranger = signedToken(signingKey("ES256", "first"), payload);
  for (const bad of [
    stranger,
    `${head}.${body}.AAAA`,
    signedToken(KEY, { ...payload, iss: "x" }),
  ]) {
    const refused = (await ask(bad)).response;
    assert.equal(refused.status, 401);
    assert.match(String(refused.headers["www-authenticate"]), /error="invalid_token"/);
  }
  assert.equal((await ask(signedToken(KEY, { ...payload, aud: "desk" }))).status, 403);
});

test("routes are chosen by claims, and by no header that says the same", async () => {
  const route = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "preview" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          matches: [{ headers: [{ name: "@request.auth.claims.groups", value: "beta" }] }],
          backendRefs: [{ name: "preview", port: 80 }],
        },
        { backendRefs: [{ name: "catalog", port: 80 }] },
      ],
    },
  };
  await mesh.apply(route);
  assert.equal((await ask(await provider.token())).app, "preview");
  assert.equal((await ask()).app, "catalog");
  assert.equal((await ask(undefined, { "request.auth.claims.groups": "beta" })).app, "catalog");
  const explained = (claim: string) =>
    mesh.tulle("explain", "http://catalog/", "--from", "client", "--claim", claim);
  assert.match(await explained('groups=["beta"]'), /^forwarded to outbound\|80\|\|preview/m);
  assert.match(await explained("groups=beta"), /^forwarded to outbound\|80\|\|preview/m);
  assert.match(await explained("groups=staff"), /^forwarded to outbound\|80\|\|catalog/m);
  await mesh.tulle("delete", "httproute", "preview", "--wait");
});

test("authorization asks for a user", async () => {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "users-only" },
    spec: {
      selector: { matchLabels: { app: "catalog" } },
      rules: [
        {
          from: [{ source: { requestPrincipals: [`${provider.issuer}/anna`] } }],
          when: [{ key: "request.auth.claims[groups]", values: ["staff"] }],
        },
      ],
    },
  });
  assert.equal((await ask()).status, 403);
  assert.equal((await ask(await provider.token())).status, 200);
  const explained = (group: string) => {
    const claims = [`iss=${provider.issuer}`, "sub=anna", `groups=${group}`];
    const words = claims.flatMap((claim) => ["--claim", claim]);
    return mesh.tulle("explain", "http://catalog/", "--from", "client", ...words);
  };
  assert.match(await explained("staff"), /Authorization\n.*\n.*catalog-\S+ +yes/);
  assert.match(await explained("guests"), /Authorization\n.*\n.*catalog-\S+ +no/);
  await mesh.tulle("delete", "authorizationpolicy", "users-only", "--wait");
});

test("users have limits of their own, and describe tells whose tokens hold", async () => {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "RateLimitPolicy",
    metadata: { name: "users" },
    spec: {
      targetRefs: [{ kind: "Service", name: "catalog" }],
      local: {
        rules: [
          {
            name: "each-user",
            per: [{ type: "Claim", name: "sub" }],
            limit: { requests: 2, burst: 2, unit: "Day" },
          },
        ],
      },
    },
  });
  const anna = await provider.token();
  const otto = signedToken(KEY, {
    ...{ iss: provider.issuer, aud: "shop", sub: "otto", exp: Date.now() / 1_000 + 600 },
  });
  const seen: number[] = [];
  for (const token of [anna, anna, anna, otto, undefined]) seen.push((await ask(token)).status);
  assert.deepEqual(seen, [200, 200, 429, 200, 200]);
  const described = await mesh.tulle("describe", "service", "catalog");
  assert.match(described, /authentication\.issuer.*http:\/\/127\.0\.0\.1.*keys fetched/);
  assert.match(await mesh.tulle("get", "ra"), /users +http:\/\/127\.0\.0\.1:\d+ +catalog +True/);
  await mesh.tulle("delete", "ratelimitpolicy", "users", "--wait");
});

test("an issuer whose keys cannot be fetched: 401, a finding that says why, and the way out", async () => {
  await mesh.apply(authentication({ jwksUri: `${provider.issuer}/nowhere` }));
  const token = await provider.token();
  const refused = (await ask(token)).response;
  assert.equal(refused.status, 401);
  assert.equal((await ask()).status, 200);
  for (let tries = 0; ; tries++) {
    const said = await mesh.home.start(["check"]).ended;
    if (/its keys are not known: .*\/nowhere: status 404/.test(said.output)) break;
    assert.ok(tries < 100, said.output);
  }
  await mesh.apply(authentication({ jwksUri: `${provider.issuer}/jwks` }));
  await untilAccepted(token);
});

test("T28: a key that is withdrawn takes its tokens with it, known ones too", async () => {
  const next = signingKey("ES256", "second");
  const claims = { iss: provider.issuer, aud: "shop", sub: "otto", exp: Date.now() / 1_000 + 600 };
  const [old, young] = [KEY, next].map((key) => signedToken(key, claims));
  const keys = (...all: readonly SigningKey[]) => authentication({ jwks: keySetOf(...all) });
  await mesh.apply(keys(KEY));
  const statuses = async () => [(await ask(old)).status, (await ask(young)).status];
  assert.deepEqual(await statuses(), [200, 401]);
  await mesh.apply(keys(KEY, next));
  assert.deepEqual(await statuses(), [200, 200]);
  await mesh.apply(keys(next));
  assert.deepEqual(await statuses(), [401, 200]);
});
