/** Users' tokens at the sidecar: which are accepted, what is told of those that are not, and what the app gets to see. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  claims,
  ISSUER,
  KEY,
  NOW_S,
  OPTIONAL,
  RSA,
  type Setting,
  setUp,
} from "../support/jwt-fixture.ts";
import { headerOf } from "../support/raw-message.ts";
import { encoded, signedToken, signingKey } from "../support/signed-tokens.ts";

test("T28: an accepted token reaches the app as claims, and not itself", async (context) => {
  const { send, seen, proxy } = await setUp(context, {
    provider: {
      forward_payload_header: "x-payload",
      claim_to_headers: [
        { header_name: "x-user", claim_name: "sub" },
        { header_name: "x-city", claim_name: "address.city" },
        { header_name: "x-level", claim_name: "level" },
        { header_name: "x-staff", claim_name: "staff" },
        { header_name: "x-groups", claim_name: "groups" },
      ],
    },
  });
  const payload = claims({ address: { city: "Zürich" }, level: 3, staff: true, groups: ["a"] });
  const token = signedToken(KEY, payload);
  assert.equal((await send(token, "X-User: root", "X-Groups: admin")).status, 200);
  const request = seen();
  assert.equal(headerOf(request, "authorization"), undefined);
  assert.equal(headerOf(request, "x-payload"), encoded(JSON.stringify(payload)));
  assert.equal(headerOf(request, "x-user"), "anna");
  assert.equal(headerOf(request, "x-city"), Buffer.from("Zürich").toString("latin1"));
  assert.equal(headerOf(request, "x-level"), "3");
  assert.equal(headerOf(request, "x-staff"), "true");
  assert.equal(headerOf(request, "x-groups"), Buffer.from('["a"]').toString("base64"));
  assert.equal((await send(token)).status, 200);
  assert.equal(proxy.metric("tulle_jwt_cache_lookups_total", 'result="hit"'), 1);
  assert.equal(proxy.metric("tulle_jwt_tokens_total", 'result="accepted"'), 2);
  assert.equal(proxy.metric("tulle_jwt_requests_total", 'result="allowed"'), 2);
});

test("T28: every algorithm is accepted from a key that is made for it", async (context) => {
  const names = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
  const keys = [...names, "EdDSA"].map((name) => signingKey(name, `key-${name}`));
  const { send } = await setUp(context, { keys });
  for (const key of keys) {
    assert.equal((await send(signedToken(key, claims()))).status, 200, key.algorithm);
    const other = keys[(keys.indexOf(key) + 1) % keys.length]!;
    const forged = signedToken(other, claims(), { kid: key.keyId });
    assert.equal((await send(forged)).status, 401, `${key.algorithm} by ${other.algorithm}`);
  }
});

test("T28: forged and confused tokens get 401, and the app nothing", async (context) => {
  const { send, upstream, proxy } = await setUp(context);
  const good = signedToken(KEY, claims());
  const [head, payload, signature] = good.split(".") as [string, string, string];
  const none = encoded(JSON.stringify({ alg: "none", kid: "k1" }));
  const shared = `${encoded(JSON.stringify({ alg: "HS256", kid: "rsa" }))}.${payload}`;
  const secret = JSON.stringify(RSA.jwk);
  const mac = createHmac("sha256", secret).update(shared).digest("base64url");
  const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
  const cases: Readonly<Record<string, string>> = {
    "alg none": `${none}.${payload}.`,
    "alg none with a signature": `${none}.${payload}.${signature}`,
    "HS256 with the RSA public key": `${shared}.${mac}`,
    "another key's signature": signedToken(RSA, claims(), { kid: "k1" }),
    "an unknown kid": signedToken(KEY, claims(), { kid: "k2" }),
    "a wrong issuer": signedToken(KEY, claims({ iss: `${ISSUER}/` })),
    "no issuer": signedToken(KEY, claims({ iss: undefined })),
    "a changed payload": `${head}.${encoded(JSON.stringify(claims({ sub: "root" })))}.${signature}`,
    "another spelling of the signature": `${head}.${payload}.${signature}=`,
    "white space in it": `${head}. ${payload}.${signature}`,
    "two parts": `${head}.${payload}`,
    "four parts": `${good}.${signature}`,
    "five parts, as of an encrypted token": `${good}.${signature}.${signature}`,
    "a critical extension": signedToken(KEY, claims(), { crit: ["exp"], exp: 1 }),
    "an unencoded payload": signedToken(KEY, claims(), { b64: false, crit: ["b64"] }),
    "a member that stands twice": signedToken(
      KEY,
      `{"iss":"${ISSUER}","aud":"shop","sub":"a","sub":"b"}`,
    ),
    "no object": signedToken(KEY, '"text"'),
    "nesting of 10,000": signedToken(KEY, `{"iss":"${ISSUER}","aud":"shop","a":${deep}}`),
    "nesting of 1,001": signedToken(
      KEY,
      `{"iss":"${ISSUER}","aud":"shop","a":${"[".repeat(1_000)}${"]".repeat(1_000)}}`,
    ),
    "a kid that is a number": signedToken(KEY, claims(), { kid: 1 }),
    nonsense: "abc",
  };
  for (const [name, token] of Object.entries(cases)) {
    const answer = await send(token);
    assert.equal(answer.status, 401, name);
    assert.match(
      headerOf(answer, "www-authenticate") ?? "",
      /^Bearer realm="http:\/\/app\/", error="invalid_token"$/,
      name,
    );
  }
  assert.equal(upstream.requests.length, 0);
  assert.equal(
    proxy.metric("tulle_jwt_requests_total", 'result="denied"'),
    Object.keys(cases).length,
  );
});

test("T28: what a token's header points to is not looked at", async (context) => {
  const { send } = await setUp(context);
  const attacker = signingKey("ES256", "k1");
  const pointers = {
    jwk: attacker.jwk,
    jku: "http://127.0.0.1:1/keys",
    x5u: "http://127.0.0.1:1/",
  };
  assert.equal((await send(signedToken(attacker, claims(), pointers))).status, 401);
  assert.equal((await send(signedToken(KEY, claims(), pointers))).status, 200);
});

test("T28: a wrong audience is refused, one of several is enough", async (context) => {
  const { send } = await setUp(context);
  const wrong = await send(signedToken(KEY, claims({ aud: "desk" })));
  assert.equal(wrong.status, 403);
  assert.equal(wrong.body, "Audiences in Jwt are not allowed\n");
  assert.equal((await send(signedToken(KEY, claims({ aud: undefined })))).status, 403);
  assert.equal((await send(signedToken(KEY, claims({ aud: ["desk", "shop"] })))).status, 200);
  assert.equal((await send(signedToken(KEY, claims({ aud: "shop" })))).status, 200);
});

test("T28: exp and nbf hold within 60 seconds", async (context) => {
  const { send, clock } = await setUp(context);
  const statusOf = async (more: object): Promise<number> =>
    (await send(signedToken(KEY, claims(more)))).status;
  assert.equal(await statusOf({ exp: NOW_S - 59 }), 200);
  assert.equal(await statusOf({ exp: NOW_S - 61 }), 401);
  assert.equal(await statusOf({ nbf: NOW_S + 59 }), 200);
  assert.equal(await statusOf({ nbf: NOW_S + 61 }), 401);
  assert.equal(await statusOf({ exp: "tomorrow" }), 401);
  // Known by its bytes, and still no longer than it holds.
  const token = signedToken(KEY, claims({ exp: NOW_S + 10 }));
  assert.equal((await send(token)).status, 200);
  clock.advance(69_000);
  assert.equal((await send(token)).status, 200);
  clock.advance(2_000);
  const late = await send(token);
  assert.equal(late.status, 401);
  assert.equal(late.body, "Jwt is expired\n");
});

test("T28: two tokens are refused, wherever they are", async (context) => {
  const { ask, upstream, proxy } = await setUp(context, { requires: OPTIONAL });
  const token = signedToken(KEY, claims());
  const twice = [`Authorization: Bearer ${token}`, "Authorization: Bearer x"];
  for (const [target, ...lines] of [
    [`/?access_token=${token}`, `Authorization: Bearer ${token}`],
    [`/?access_token=${token}&a=1&access_token=x`],
    ["/", ...twice],
    ["/", ...twice.toReversed()],
  ] as const) {
    const answer = await ask(target, ...lines);
    assert.equal(answer.status, 400);
    assert.match(headerOf(answer, "www-authenticate") ?? "", /error="invalid_request"$/);
  }
  assert.equal(upstream.requests.length, 0);
  assert.equal(proxy.metric("tulle_jwt_tokens_total", 'result="several"'), 4);
});

test("without a token a request passes where none is required", async (context) => {
  const { ask, send } = await setUp(context, { requires: OPTIONAL });
  assert.equal((await ask("/")).status, 200);
  assert.equal((await ask("/", "Authorization: Basic YTpi")).status, 200);
  assert.equal((await send("nonsense")).status, 401);
  const required = await setUp(context);
  const refused = await required.ask("/");
  assert.equal(refused.status, 401);
  assert.equal(refused.body, "Jwt is missing\n");
  assert.equal(headerOf(refused, "www-authenticate"), 'Bearer realm="http://app/"');
});

test("a bad token passes only where it may, and leaves nothing", async (context) => {
  const { send, seen } = await setUp(context, {
    requires: { allow_missing_or_failed: {} },
    provider: { claim_to_headers: [{ header_name: "x-user", claim_name: "sub" }] },
  });
  assert.equal((await send("nonsense", "x-user: root")).status, 200);
  assert.equal(headerOf(seen(), "x-user"), undefined);
  assert.equal((await send(signedToken(KEY, claims()))).status, 200);
  assert.equal(headerOf(seen(), "x-user"), "anna");
});

test("no keys: every token of that issuer gets 401", async (context) => {
  const { send } = await setUp(context, { keys: [], requires: OPTIONAL });
  const answer = await send(signedToken(KEY, claims()));
  assert.equal(answer.status, 401);
  assert.equal(answer.body, "Jwks doesn't have any valid public key\n");
});

test("a token in the query is taken out of it, and out of logs", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-jwt-log-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "log");
  const { ask, seen, proxy } = await setUp(context, { accessLog: path });
  const token = signedToken(KEY, claims());
  assert.equal((await ask(`/a?x=1&access_token=${token}&y=2`)).status, 200);
  assert.equal(seen().start, "GET /a?x=1&y=2 HTTP/1.1");
  assert.equal((await ask(`/a?access_token=${token}`)).status, 200);
  assert.equal(seen().start, "GET /a HTTP/1.1");
  assert.equal((await ask("/a?access_token=secret&z=1")).status, 401);
  await proxy.dataPlane.stop();
  const lines = readFileSync(path, "utf8").trim().split("\n");
  const paths = lines.map((line) => JSON.parse(line).path);
  assert.deepEqual(paths, ["/a?x=1&y=2", "/a", "/a?z=1"]);
  assert.equal(
    JSON.parse(lines[2]!).response_code_details,
    "jwt_authn_access_denied{Jwt_is_not_in_the_form_of_Header.Payload.Signature_with_two_dots_and_3_sections}",
  );
});

test("clients of gRPC are told UNAUTHENTICATED (16) by HTTP/2", async (context) => {
  const { proxy } = await setUp(context);
  const session = connect(`http://127.0.0.1:${proxy.port()}`);
  context.after(() => session.destroy());
  const askGrpc = async (headers: object) => {
    const grpc = { ":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc" };
    const stream = session.request({ ...grpc, te: "trailers", ...headers });
    stream.end();
    const [answer] = await once(stream, "response");
    stream.resume();
    return answer;
  };
  const refused = await askGrpc({ authorization: "Bearer nonsense" });
  assert.equal(refused[":status"], 200);
  assert.equal(refused["grpc-status"], "16");
  const accepted = await askGrpc({ authorization: `Bearer ${signedToken(KEY, claims())}` });
  assert.notEqual(accepted["grpc-status"], "16");
});

test("tokens that were verified are known over changes, but for those of an issuer that changed", async (context) => {
  const { proxy, send, listener } = await setUp(context);
  const token = signedToken(KEY, claims());
  assert.equal((await send(token)).status, 200);
  const change = (setting: Setting) =>
    proxy.dataPlane.setListener(proxy.listener(listener(setting)));
  await change({ requires: OPTIONAL });
  assert.equal((await send(token)).status, 200);
  assert.equal(proxy.metric("tulle_jwt_cache_lookups_total", 'result="hit"'), 1);
  await change({ keys: [RSA] });
  assert.equal((await send(token)).status, 401);
  assert.equal((await send(signedToken(RSA, claims()))).status, 200);
});
