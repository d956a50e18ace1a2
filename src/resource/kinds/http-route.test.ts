/** The limits and rules of Gateway API v1 for HTTPRoute, each with what breaks it and what does not. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { parsed, violationsIn } from "../../../test/support/violations.ts";

function route(spec: object) {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec,
  };
}

function rule(fields: object): readonly string[] {
  return violationsIn(route({ rules: [fields] })).map((text) => text.replace("spec.rules[0].", ""));
}

const match = (fields: object): readonly string[] =>
  rule({ matches: [fields] }).map((text) => text.replace("matches[0].", ""));

const path = (type: string, value: string): readonly string[] =>
  match({ path: { type, value } }).map((text) => text.replace("path.", ""));

const filters = (...list: object[]): readonly string[] => rule({ filters: list });

const HEADERS = { type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["x-a"] } };
const REDIRECT = { type: "RequestRedirect", requestRedirect: { hostname: "b.example" } };
const REWRITE = { type: "URLRewrite", urlRewrite: { hostname: "b.example" } };
const MIRROR = { type: "RequestMirror", requestMirror: { backendRef: { name: "b", port: 80 } } };
const BACKEND = { name: "catalog-v1", port: 80 };

test("what is left out has the defaults of the Gateway API", () => {
  const { spec } = parsed(
    route({
      parentRefs: [{ name: "edge" }],
      rules: [{ backendRefs: [BACKEND] }, { matches: [{ headers: [{ name: "a", value: "b" }] }] }],
    }),
  );
  assert.deepEqual(spec, {
    parentRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge" }],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: "/" } }],
        backendRefs: [{ group: "", kind: "Service", name: "catalog-v1", port: 80, weight: 1 }],
      },
      {
        matches: [
          {
            path: { type: "PathPrefix", value: "/" },
            headers: [{ type: "Exact", name: "a", value: "b" }],
          },
        ],
      },
    ],
  });
  assert.deepEqual(parsed(route({})).spec, {
    rules: [{ matches: [{ path: { type: "PathPrefix", value: "/" } }] }],
  });
});

describe("parents", () => {
  const parents = (...list: object[]) =>
    violationsIn(
      route({ parentRefs: list.map((ref) => ({ group: "", kind: "Service", name: "a", ...ref })) }),
    );

  test("references to one parent differ in sectionName or port", () => {
    assert.deepEqual(parents({ port: 80 }, { port: 81 }), []);
    assert.deepEqual(parents({ sectionName: "x" }, { sectionName: "y" }), []);
    assert.deepEqual(parents({ port: 80 }, { port: 80 }), [
      "spec.parentRefs[1] invalid-combination",
    ]);
    assert.deepEqual(parents({ port: 80 }, { name: "b", port: 80 }), []);
    assert.deepEqual(parents({ port: 80 }, { namespace: "other", port: 80 }), []);
  });

  test("references to one parent all set sectionName or port, or none does", () => {
    assert.deepEqual(parents({}, { port: 80 }), ["spec.parentRefs[1] invalid-combination"]);
    assert.deepEqual(parents({ port: 1 }, { port: 2, sectionName: "x" }), [
      "spec.parentRefs[1] invalid-combination",
    ]);
  });

  test("32 at most", () => {
    const refs = Array.from({ length: 33 }, (_, index) => ({ name: `s${index}` }));
    assert.deepEqual(parents(...refs), ["spec.parentRefs invalid-value"]);
  });
});

describe("matches", () => {
  test("paths by type", () => {
    for (const [type, value] of [
      ["Exact", "/"],
      ["Exact", "/a/b;c=d/%20"],
      ["PathPrefix", "/api/"],
      ["RegularExpression", "/v[0-9]+/.*"],
      ["RegularExpression", "no-slash"],
    ] as const) {
      assert.deepEqual(path(type, value), [], `${type} ${value}`);
    }
  });

  test("exact and prefix paths are absolute and normal", () => {
    for (const value of [
      "api",
      "/a//b",
      "/a/./b",
      "/a/../b",
      "/a%2fb",
      "/a%2Fb",
      "/a#b",
      "/a/..",
      "/a/.",
      "/ä",
      "/a b",
      "/a%zz",
    ]) {
      for (const type of ["Exact", "PathPrefix"]) {
        assert.ok(path(type, value).includes("value invalid-value"), `${type} ${value}`);
      }
    }
    assert.deepEqual(path("PathPrefix", "x//"), ["value invalid-value", "value invalid-value"]);
  });

  test("expressions are read by RE2 and ECMAScript", () => {
    for (const value of ["[", "(a", "(?=a)", "(?<!a)b", "(a)\\1", "a{2,1}"]) {
      assert.deepEqual(path("RegularExpression", value), ["value invalid-value"], value);
    }
    const header = { type: "RegularExpression", name: "x", value: "[" };
    assert.deepEqual(match({ headers: [header] }), ["headers[0].value invalid-value"]);
  });

  test("header names are tokens, unique whatever their case", () => {
    const header = (name: string) => ({ name, value: "v" });
    assert.deepEqual(match({ headers: [header("x-a"), header("x-b")] }), []);
    assert.deepEqual(match({ headers: [header("x-a"), header("X-A")] }), [
      "headers[1].name invalid-combination",
    ]);
    assert.deepEqual(match({ headers: [header("x a")] }), ["headers[0].name invalid-value"]);
    assert.deepEqual(match({ headers: [{ name: "x", value: "a\nb" }] }), [
      "headers[0].value invalid-value",
    ]);
  });

  test("query parameter names are unique, case included", () => {
    const param = (name: string) => ({ name, value: "v" });
    assert.deepEqual(match({ queryParams: [param("a"), param("A")] }), []);
    assert.deepEqual(match({ queryParams: [param("a"), param("a")] }), [
      "queryParams[1].name invalid-combination",
    ]);
  });

  test("methods are those of the Gateway API", () => {
    assert.deepEqual(match({ method: "PATCH" }), []);
    assert.deepEqual(match({ method: "get" }), ["method invalid-value"]);
  });

  test("64 per rule, 128 per route", () => {
    const matches = (count: number) => Array.from({ length: count }, () => ({}));
    assert.deepEqual(rule({ matches: matches(64) }), []);
    assert.deepEqual(rule({ matches: matches(65) }), ["matches invalid-value"]);
    const rules = [64, 64, 1].map((count) => ({ matches: matches(count) }));
    assert.deepEqual(violationsIn(route({ rules: rules.slice(0, 2) })), []);
    assert.deepEqual(violationsIn(route({ rules })), ["spec.rules invalid-combination"]);
  });
});

describe("filters", () => {
  test("the settings of the type are there, and no others", () => {
    assert.deepEqual(filters(HEADERS, MIRROR, MIRROR, REWRITE), []);
    assert.deepEqual(filters({ type: "URLRewrite" }), ["filters[0].urlRewrite missing-field"]);
    assert.deepEqual(filters({ ...HEADERS, urlRewrite: {} }), [
      "filters[0].urlRewrite invalid-combination",
    ]);
    assert.deepEqual(filters({ type: "Rewrite" }), ["filters[0].type invalid-value"]);
  });

  test("a filter stands once, mirrors aside", () => {
    assert.deepEqual(filters(HEADERS, HEADERS), ["filters[1].type invalid-combination"]);
  });

  test("a request is rewritten or redirected, not both", () => {
    assert.deepEqual(filters(REWRITE, REDIRECT), ["filters[1].type invalid-combination"]);
  });

  test("headers are named once in each list", () => {
    const modifier = (fields: object) => ({
      type: "ResponseHeaderModifier",
      responseHeaderModifier: fields,
    });
    const set = [
      { name: "x-a", value: "1" },
      { name: "X-A", value: "2" },
    ];
    const prefix = "filters[0].responseHeaderModifier";
    assert.deepEqual(filters(modifier({ set })), [`${prefix}.set[1].name invalid-combination`]);
    assert.deepEqual(filters(modifier({ remove: ["x-a", "X-A"] })), [
      `${prefix}.remove[1] invalid-combination`,
    ]);
    assert.deepEqual(filters(modifier({ add: [{ name: "x", value: "" }] })), [
      `${prefix}.add[0].value invalid-value`,
    ]);
  });

  test("a path is replaced as its type says", () => {
    const rewrite = (modifier: object) =>
      filters({ type: "URLRewrite", urlRewrite: { path: modifier } }).map((text) =>
        text.replace("filters[0].urlRewrite.path.", ""),
      );
    assert.deepEqual(rewrite({ type: "ReplaceFullPath", replaceFullPath: "/x" }), []);
    assert.deepEqual(rewrite({ type: "ReplaceFullPath" }), ["replaceFullPath missing-field"]);
    assert.deepEqual(rewrite({ type: "ReplacePrefixMatch", replaceFullPath: "/x" }), [
      "replaceFullPath invalid-combination",
      "replacePrefixMatch missing-field",
    ]);
  });

  test("a prefix is replaced where exactly one prefix matches", () => {
    const replacement = { type: "ReplacePrefixMatch", replacePrefixMatch: "/x" };
    for (const filter of [
      { type: "URLRewrite", urlRewrite: { path: replacement } },
      { type: "RequestRedirect", requestRedirect: { path: replacement } },
    ]) {
      const prefix = { path: { type: "PathPrefix", value: "/a" } };
      const exact = { path: { type: "Exact", value: "/a" } };
      assert.deepEqual(rule({ matches: [prefix], filters: [filter] }), []);
      assert.deepEqual(rule({ filters: [filter] }), [], "the default match is a prefix");
      for (const matches of [[exact], [prefix, prefix]]) {
        assert.equal(rule({ matches, filters: [filter] }).length, 1);
      }
      const backendRefs = [{ ...BACKEND, filters: [filter] }];
      assert.equal(rule({ matches: [exact], backendRefs }).length, 1);
      assert.deepEqual(rule({ matches: [prefix], backendRefs }), []);
    }
  });

  test("redirects: statuses, hosts, and no backends", () => {
    const redirect = (fields: object) =>
      filters({ type: "RequestRedirect", requestRedirect: fields });
    for (const statusCode of [301, 302, 303, 307, 308]) {
      assert.deepEqual(redirect({ statusCode }), []);
    }
    assert.equal(redirect({ statusCode: 304 }).length, 1);
    assert.equal(redirect({ hostname: "*.example" }).length, 1);
    assert.equal(redirect({ scheme: "ftp" }).length, 1);
    assert.deepEqual(rule({ filters: [REDIRECT], backendRefs: [BACKEND] }), [
      "filters[0] invalid-combination",
    ]);
  });

  test("mirrors: percent or fraction", () => {
    const mirror = (fields: object) =>
      filters({ type: "RequestMirror", requestMirror: { backendRef: BACKEND, ...fields } });
    assert.deepEqual(mirror({ percent: 0 }), []);
    assert.deepEqual(mirror({ fraction: { numerator: 5, denominator: 1000 } }), []);
    assert.equal(mirror({ percent: 101 }).length, 1);
    assert.equal(mirror({ fraction: { numerator: 101 } }).length, 1);
    assert.equal(mirror({ percent: 1, fraction: { numerator: 1 } }).length, 1);
    assert.deepEqual(mirror({ backendRef: { name: "b" } }), [
      "filters[0].requestMirror.backendRef.port missing-field",
    ]);
  });

  test("CORS: * stands alone, origins are origins", () => {
    const cors = (fields: object) => filters({ type: "CORS", cors: fields });
    assert.deepEqual(
      cors({ allowOrigins: ["https://*.a.example:8443", "http://b"], allowMethods: ["*"] }),
      [],
    );
    for (const fields of [
      { allowOrigins: ["*", "https://a"] },
      { allowOrigins: ["a.example"] },
      { allowMethods: ["GET", "GET"] },
      { allowHeaders: ["x a"] },
      { maxAge: 0 },
    ]) {
      assert.equal(cors(fields).length, 1, JSON.stringify(fields));
    }
  });

  test("ExternalAuth: the settings of its protocol", () => {
    const auth = (fields: object) =>
      filters({ type: "ExternalAuth", externalAuth: { backendRef: BACKEND, ...fields } });
    assert.deepEqual(auth({ protocol: "HTTP", http: { path: "/auth" } }), []);
    assert.equal(auth({ protocol: "GRPC" }).length, 1);
    assert.equal(auth({ protocol: "GRPC", grpc: {}, http: {} }).length, 1);
    assert.equal(auth({ protocol: "HTTP", http: { path: "/[]" } }).length, 1);
  });
});

describe("backends, timeouts and the rest of a rule", () => {
  test("weights and ports", () => {
    assert.deepEqual(rule({ backendRefs: [{ ...BACKEND, weight: 0 }] }), []);
    assert.equal(rule({ backendRefs: [{ ...BACKEND, weight: 1_000_001 }] }).length, 1);
    assert.deepEqual(rule({ backendRefs: [{ name: "a" }] }), ["backendRefs[0].port missing-field"]);
    const other = { group: "example.org", kind: "Bucket", name: "a" };
    assert.deepEqual(rule({ backendRefs: [other] }), [], "only a Service needs a port");
  });

  test("a try takes no longer than the request", () => {
    const timeouts = (request: string, backendRequest: string) =>
      rule({ timeouts: { request, backendRequest } });
    assert.deepEqual(timeouts("1s", "1000ms"), []);
    assert.deepEqual(timeouts("0s", "5s"), [], "0s is no limit");
    assert.equal(timeouts("1s", "1001ms").length, 1);
    assert.equal(timeouts("1.5s", "1s").length, 1, "no fractions");
  });

  test("retries and sessions", () => {
    assert.deepEqual(rule({ retry: { codes: [500, 503], attempts: 2, backoff: "10ms" } }), []);
    assert.equal(rule({ retry: { codes: [200] } }).length, 1);
    assert.equal(rule({ retry: { codes: [500, 500] } }).length, 1);
    const session = (fields: object) => rule({ sessionPersistence: fields });
    assert.deepEqual(session({ cookie: {} }), []);
    assert.deepEqual(session({ type: "Header", header: { name: "x-session" } }), []);
    assert.equal(session({}).length, 1, "the default type is Cookie, which needs cookie");
    assert.equal(session({ type: "Header" }).length, 1);
    assert.equal(session({ cookie: { lifetimeType: "Permanent" } }).length, 1);
    const permanent = { cookie: { lifetimeType: "Permanent" }, absoluteTimeout: "1h" };
    assert.deepEqual(session(permanent), []);
  });

  test("rule names are unique; there are 1 to 16 rules", () => {
    const rules = [{ name: "a" }, { name: "a" }, {}, {}];
    assert.deepEqual(violationsIn(route({ rules })), ["spec.rules[1].name invalid-combination"]);
    assert.equal(violationsIn(route({ rules: [] })).length, 1);
    assert.equal(violationsIn(route({ rules: Array.from({ length: 17 }, () => ({})) })).length, 1);
  });

  test("host names are DNS names, perhaps with a wildcard in front", () => {
    const hosts = (...hostnames: string[]) => violationsIn(route({ hostnames })).length;
    assert.equal(hosts("a.example", "*.example"), 0);
    for (const host of ["*", "a.*.example", "A.example", "a.example:80", "http://a", ""]) {
      assert.ok(hosts(host) > 0, host);
    }
  });
});
