/** What requests are hashed by. That the hashes are Envoy's, a real Envoy says: `test/interop/load-balancing-envoy.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { XxHash64 } from "../core/xxhash64.ts";
import { RouteActionSchema } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileHashPolicy } from "./hash-policy.ts";
import type { RequestView } from "./request-view.ts";

const ORIGIN = {
  ...{ remoteAddress: "10.0.0.1", remotePort: 1_234 },
  ...{ localAddress: "10.0.0.2", localPort: 80 },
};

type Headers = Readonly<Record<string, readonly string[]>>;

function request(headers: Headers = {}, query = ""): RequestView {
  return {
    ...{ method: "GET", path: "/p", query, authority: "app", scheme: "http" },
    httpVersion: "HTTP/1.1",
    header: (name) => headers[name]?.join(","),
    headerValues: (name) => headers[name] ?? [],
  };
}

function compile(policies: readonly JsonObject[]) {
  const errors: FieldError[] = [];
  const action = fromJson(RouteActionSchema, { hash_policy: policies as JsonValue });
  const policy = compileHashPolicy(action.hashPolicy, "hash_policy", errors);
  return { policy, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

interface Found {
  readonly hash: string;
  readonly cookie: string;
}

function found(policies: readonly JsonObject[], view: RequestView): Found {
  const { policy, errors } = compile(policies);
  assert.deepEqual(errors, []);
  const result = { hash: "", cookie: "" };
  policy?.apply(view, ORIGIN, {
    setHash: (high, low) => {
      result.hash = hex(high >>> 0, low >>> 0);
    },
    setCookie: (cookie) => {
      result.cookie = cookie;
    },
  });
  return result;
}

function hex(high: number, low: number): string {
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** Of several texts one behind the other. */
function hashOf(...texts: readonly string[]): string {
  const hash = new XxHash64();
  for (const [index, text] of texts.entries()) {
    if (index === 0) hash.hash(text);
    else hash.hash(text, hash.low, hash.high);
  }
  return hex(hash.high, hash.low);
}

const HEADER = { header: { header_name: "X-Key" } };
const QUERY = { query_parameter: { name: "user" } };

test("a header's value is hashed, after its rewrite; several fields in any order", () => {
  assert.equal(found([HEADER], request({ "x-key": ["a"] })).hash, hashOf("a"));
  assert.equal(found([HEADER], request()).hash, "");
  assert.equal(found([HEADER], request({ "x-key": ["b", "a"] })).hash, hashOf("a", "b"));
  assert.equal(found([HEADER], request({ "x-key": ["b,a"] })).hash, hashOf("b,a"));
  const rewrite = { pattern: { regex: "\\d+" }, substitution: "n" };
  const rewritten = { header: { header_name: "x-key", regex_rewrite: rewrite } };
  assert.equal(found([rewritten], request({ "x-key": ["a1b22"] })).hash, hashOf("anbn"));
  assert.equal(found([rewritten], request({ "x-key": ["b1", "a1"] })).hash, hashOf("an", "bn"));
});

test("the client's address, a query parameter, a cookie", () => {
  const source = { connection_properties: { source_ip: true } };
  assert.equal(found([source], request()).hash, hashOf("10.0.0.1"));
  assert.equal(found([QUERY], request({}, "a=1&user=x%20y&user=z")).hash, hashOf("x%20y"));
  assert.equal(found([QUERY], request({}, "a=1")).hash, "");
  const cookie = { cookie: { name: "sid" } };
  assert.deepEqual(found([cookie], request({ cookie: ["sid=1"] })), {
    ...{ hash: hashOf("1"), cookie: "" },
  });
  assert.deepEqual(found([cookie], request()), { hash: "", cookie: "" });
});

test("a cookie with a time to live is made for those who have none", () => {
  const made = hashOf("10.0.0.1:123410.0.0.2:80");
  const cookie = { name: "sid", ttl: "90.5s", path: "/a", attributes: [{ name: "Secure" }] };
  assert.deepEqual(found([{ cookie }], request()), {
    hash: hashOf(made),
    cookie: `sid="${made}"; Max-Age=90; Path=/a; Secure; HttpOnly`,
  });
  const kept = found([{ cookie }], request({ cookie: [`sid=${made}`] }));
  assert.deepEqual(kept, { hash: hashOf(made), cookie: "" });
});

test("several are mixed; behind a terminal one that found something nothing counts", () => {
  const view = request({ "x-key": ["a"] }, "user=b");
  const mixed = found([HEADER, QUERY], view).hash;
  assert.notEqual(mixed, found([QUERY, HEADER], view).hash);
  assert.notEqual(found([HEADER, HEADER], view).hash, "0000000000000000");
  assert.equal(found([{ ...HEADER, terminal: true }, QUERY], view).hash, hashOf("a"));
  const other = { header: { header_name: "x-other" }, terminal: true };
  assert.equal(found([other, QUERY], view).hash, hashOf("b"));
});

test("what cannot be meant is refused at its path", () => {
  const at = "hash_policy[0]";
  const cases: readonly (readonly [JsonObject, string])[] = [
    [{}, `${at}: one of header, cookie, connection_properties, query_parameter is required`],
    [{ header: {} }, `${at}.header.header_name: a name is required`],
    [
      { header: { header_name: "a", regex_rewrite: { substitution: "x" } } },
      `${at}.header.regex_rewrite.pattern: a pattern is required`,
    ],
    [{ cookie: {} }, `${at}.cookie.name: a name is required`],
    [
      { cookie: { name: "a", path: "/;Domain=evil" } },
      `${at}.cookie.path: has a semicolon, a control or a non-ASCII character`,
    ],
    [{ query_parameter: {} }, `${at}.query_parameter.name: a name is required`],
  ];
  for (const [policy, error] of cases) assert.deepEqual(compile([policy]).errors, [error]);
});
