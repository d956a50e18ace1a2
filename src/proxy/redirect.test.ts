/** Where a redirect route sends a client. Each Location is what a running Envoy 1.40 answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { compiledRoute, requestFor, routeErrors } from "../../test/support/routing-fixture.ts";
import { redirectLocation } from "./redirect.ts";

function location(
  redirect: JsonObject,
  host: string,
  target: string,
  match: JsonObject = { prefix: "/" },
  scheme = "http",
): string {
  const { action } = compiledRoute({ match, redirect });
  assert.ok(action.kind === "redirect");
  const queryAt = target.indexOf("?");
  const search = queryAt < 0 ? "" : target.slice(queryAt);
  return redirectLocation(action, requestFor(target, { host, scheme }), search);
}

const CASES: readonly (readonly [JsonObject, host: string, target: string, location: string])[] = [
  [{}, "h:80", "/a?b", "http://h:80/a?b"],
  [{ https_redirect: true }, "h:80", "/a?b", "https://h/a?b"],
  [{ https_redirect: true }, "h:8080", "/", "https://h:8080/"],
  [{ https_redirect: true }, "h:443", "/", "https://h:443/"],
  [{ https_redirect: true }, "h", "/", "https://h/"],
  [{ https_redirect: true }, "[::1]:80", "/", "https://[::1]/"],
  [{ https_redirect: false }, "h:80", "/", "http://h:80/"],
  [{ scheme_redirect: "HTTPS" }, "h:80", "/", "HTTPS://h/"],
  [{ scheme_redirect: "http" }, "h:80", "/", "http://h:80/"],
  [{ scheme_redirect: "ftp" }, "h:81", "/", "ftp://h:81/"],
  [{ port_redirect: 81 }, "h:80", "/", "http://h:81/"],
  [{ port_redirect: 81 }, "h", "/", "http://h:81/"],
  [{ port_redirect: 81 }, "[::1]:5", "/", "http://[::1]:81/"],
  [{ port_redirect: 81 }, "[::1]", "/", "http://[::1]:81/"],
  // A port that is asked for is written, even where it is the scheme's own.
  [{ port_redirect: 80 }, "h:81", "/", "http://h:80/"],
  [{ https_redirect: true, port_redirect: 443 }, "h:80", "/", "https://h:443/"],
  [{ host_redirect: "n" }, "h:81", "/", "http://n/"],
  [{ host_redirect: "n", port_redirect: 80 }, "h:81", "/", "http://n:80/"],
  [{ path_redirect: "/n" }, "h", "/a?b=c", "http://h/n?b=c"],
  [{ path_redirect: "/n" }, "h", "/a?", "http://h/n?"],
  [{ path_redirect: "n" }, "h", "/a", "http://h/n"],
  [{ path_redirect: "/n", strip_query: true }, "h", "/a?b=c", "http://h/n"],
  [{ path_redirect: "/n?x=1" }, "h", "/a?b=c", "http://h/n?x=1"],
  [{ path_redirect: "/n?x=1", strip_query: true }, "h", "/a?b=c", "http://h/n?x=1"],
  [{ strip_query: true }, "h", "/a?b=c", "http://h/a"],
  [{ host_redirect: "n" }, "h", "/a?", "http://n/a?"],
  [
    { regex_rewrite: { pattern: { regex: "a(.)" }, substitution: "x\\1y\\0" } },
    "h",
    "/ab/ac?ad",
    "http://h/xbyab/xcyac?ad",
  ],
];

for (const [redirect, host, target, wanted] of CASES) {
  test(`${JSON.stringify(redirect)} sends ${host}${target} to ${wanted}`, () => {
    assert.equal(location(redirect, host, target), wanted);
  });
}

test("a prefix rewrite keeps what follows the prefix, and the query behind it", () => {
  const at = (redirect: JsonObject, target: string, match: JsonObject): string =>
    location(redirect, "h", target, match);
  assert.equal(at({ prefix_rewrite: "/n" }, "/a/b?c", { prefix: "/a" }), "http://h/n/b?c");
  assert.equal(at({ prefix_rewrite: "/" }, "/a", { prefix: "/a" }), "http://h/");
  assert.equal(at({ prefix_rewrite: "/n?y=1" }, "/a/b?c", { prefix: "/a" }), "http://h/n?y=1/b?c");
  assert.equal(at({ prefix_rewrite: "/n" }, "/a?c", { path: "/a" }), "http://h/n?c");
  const separated = { path_separated_prefix: "/a" };
  assert.equal(at({ prefix_rewrite: "/n" }, "/a/b", separated), "http://h/n/b");
  const regex = { safe_regex: { regex: "/a.*" } };
  assert.equal(at({ prefix_rewrite: "/n" }, "/a/b?c", regex), "http://h/n?c");
  const both = { prefix_rewrite: "/n", strip_query: true };
  assert.equal(at(both, "/a/b?c", { prefix: "/a" }), "http://h/n/b");
});

test("from https to http the port 443 is left behind", () => {
  const redirect = { scheme_redirect: "http" };
  assert.equal(location(redirect, "h:443", "/", undefined, "https"), "http://h/");
  assert.equal(location(redirect, "h:80", "/", undefined, "https"), "http://h:80/");
});

test("every response code", () => {
  const statusOf = (code: string): number => {
    const redirect = { response_code: code };
    const { action } = compiledRoute({ match: { prefix: "/" }, redirect });
    return action.kind === "redirect" ? action.status : 0;
  };
  assert.equal(statusOf("MOVED_PERMANENTLY"), 301);
  assert.equal(statusOf("FOUND"), 302);
  assert.equal(statusOf("SEE_OTHER"), 303);
  assert.equal(statusOf("TEMPORARY_REDIRECT"), 307);
  assert.equal(statusOf("PERMANENT_REDIRECT"), 308);
});

test("no rewrite of the path can change the host", () => {
  const substitution = fc.string({ unit: fc.constantFrom("a", "/", ".", "@", ":"), maxLength: 6 });
  fc.assert(
    fc.property(substitution, (text) => {
      const redirect = {
        host_redirect: "safe",
        regex_rewrite: { pattern: { regex: "^/" }, substitution: text },
      };
      assert.equal(new URL(location(redirect, "h", "/x")).hostname, "safe");
    }),
  );
});

test("what would break the Location is refused at its path", () => {
  const errorsOf = (redirect: JsonObject): readonly string[] =>
    routeErrors({ match: { prefix: "/" }, redirect });
  assert.deepEqual(errorsOf({ host_redirect: "a\r\nx: y" }), [
    'redirect.host_redirect: "a\r\nx: y" is not a host',
  ]);
  assert.deepEqual(errorsOf({ scheme_redirect: "a b" }), [
    'redirect.scheme_redirect: "a b" is not a scheme',
  ]);
  assert.deepEqual(errorsOf({ port_redirect: 70_000 }), [
    "redirect.port_redirect: 70000 is not a port",
  ]);
  assert.match(errorsOf({ path_redirect: "/a b" })[0] ?? "", /^redirect\.path_redirect: has white/);
  assert.deepEqual(errorsOf({ prefix_rewrite: "n" }), [
    "redirect.prefix_rewrite: must begin with /",
  ]);
});
