/** The path that is judged: as it came where nothing could change it, else its canonical form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PathNormalization } from "../http/path-normalization.ts";
import { RequestHead } from "../http/request-head.ts";
import { canonicalPath } from "./request-path.ts";

const RULES: PathNormalization = {
  normalizes: true,
  mergesSlashes: true,
  escapedSlashes: "reject",
};

function head(target: string, hasSpecialBytes: boolean): RequestHead {
  const request = new RequestHead();
  request.target = target;
  request.queryAt = target.indexOf("?");
  request.hasSpecialBytes = hasSpecialBytes;
  return request;
}

test("a plain target is its own path, without its query", () => {
  assert.deepEqual(canonicalPath(head("/a/b", false), RULES), { kind: "path", path: "/a/b" });
  assert.deepEqual(canonicalPath(head("/a?b/../c", false), RULES), { kind: "path", path: "/a" });
  assert.deepEqual(canonicalPath(head("/?", false), RULES), { kind: "path", path: "/" });
});

test("a target with special bytes is normalized, and its query left alone", () => {
  assert.deepEqual(canonicalPath(head("/a/./b//c?d/../e", true), RULES), {
    kind: "path",
    path: "/a/b/c",
  });
  assert.deepEqual(canonicalPath(head("/a%2fb", true), RULES), { kind: "refused" });
  assert.deepEqual(canonicalPath(head("/a%2Fb", true), { ...RULES, escapedSlashes: "redirect" }), {
    kind: "redirect",
    path: "/a/b",
  });
});
