/** Rewriting paths: what a prefix rewrite replaces, and what may stand in a replacement. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { compiledRoute, routeErrors } from "../../test/support/routing-fixture.ts";

function rewritten(path: string, match: JsonObject, rewrite: JsonObject): string | undefined {
  const { action } = compiledRoute({ match, route: { cluster: "c", ...rewrite } });
  assert.ok(action.kind === "forward");
  return action.rewritePath?.(path);
}

function errorsOf(rewrite: JsonObject): readonly string[] {
  return routeErrors({ match: { prefix: "/" }, route: { cluster: "c", ...rewrite } });
}

const regex = (pattern: string, substitution: string): JsonObject => ({
  regex_rewrite: { pattern: { regex: pattern }, substitution },
});

test("without a rewrite nothing is called", () => {
  assert.equal(rewritten("/a", { prefix: "/" }, {}), undefined);
  assert.equal(rewritten("/a", { prefix: "/" }, { prefix_rewrite: "" }), undefined);
});

test("a prefix rewrite replaces the prefix that matched, whatever its case", () => {
  const rewrite = { prefix_rewrite: "/n" };
  assert.equal(rewritten("/a/b", { prefix: "/a" }, rewrite), "/n/b");
  assert.equal(rewritten("/ab", { prefix: "/a" }, rewrite), "/nb");
  assert.equal(rewritten("/A/b", { prefix: "/a", case_sensitive: false }, rewrite), "/n/b");
  assert.equal(rewritten("/a/b", { path_separated_prefix: "/a" }, rewrite), "/n/b");
  assert.equal(rewritten("/a", { path_separated_prefix: "/a" }, rewrite), "/n");
  assert.equal(rewritten("/a/b", { prefix: "/a" }, { prefix_rewrite: "/" }), "//b");
});

test("a prefix rewrite replaces the whole path of an exact or regular expression match", () => {
  assert.equal(rewritten("/a", { path: "/a" }, { prefix_rewrite: "/n" }), "/n");
  const match = { safe_regex: { regex: "/a.*" } };
  assert.equal(rewritten("/abc/d", match, { prefix_rewrite: "/n" }), "/n");
});

test("a regular expression replaces every match", () => {
  const match = { prefix: "/" };
  const path = "/service/foo/v1/api";
  const move = regex("^/service/([^/]+)(/.*)$", "\\2/instance/\\1");
  assert.equal(rewritten(path, match, move), "/v1/api/instance/foo");
  assert.equal(rewritten("/one/b/one", match, regex("one", "two")), "/two/b/two");
  assert.equal(rewritten("/none", match, regex("x", "y")), "/none");
  assert.equal(rewritten("/One/a", match, regex("(?i)/one/", "/x/")), "/x/a");
});

test("a regular expression cannot take the first slash away", () => {
  // Envoy answers such requests with 400: nobody means that.
  assert.equal(rewritten("/abc", { prefix: "/" }, regex("^/", "")), "/abc");
  assert.equal(rewritten("/abc", { prefix: "/" }, regex(".*", "")), "/");
});

test("a replacement that would break the request line is refused", () => {
  const reason = "has white space, #, a control or a non-ASCII character; write it percent-encoded";
  for (const text of ["/a b", "/a\r\nx: y", "/a#b", "/é", "/\u007f"]) {
    assert.deepEqual(errorsOf({ prefix_rewrite: text }), [`route.prefix_rewrite: ${reason}`]);
    assert.deepEqual(errorsOf(regex("a", text)), [`route.regex_rewrite.substitution: ${reason}`]);
  }
  assert.deepEqual(errorsOf({ prefix_rewrite: "n" }), ["route.prefix_rewrite: must begin with /"]);
  assert.deepEqual(errorsOf({ prefix_rewrite: "/a%20b?x=1&y=\"'~" }), []);
});

test("a regular expression rewrite that cannot be is refused, and so are two rewrites", () => {
  assert.deepEqual(errorsOf({ regex_rewrite: { substitution: "x" } }), [
    "route.regex_rewrite.pattern: a pattern is required",
  ]);
  assert.match(errorsOf(regex("(", "x"))[0] ?? "", /^route\.regex_rewrite\.pattern\.regex: /);
  assert.match(
    errorsOf(regex("a", "\\1"))[0] ?? "",
    /^route\.regex_rewrite\.substitution: \\1 names a group/,
  );
  assert.deepEqual(errorsOf({ prefix_rewrite: "/n", ...regex("a", "b") }), [
    "route: only one of prefix_rewrite, regex_rewrite can be given",
  ]);
});
