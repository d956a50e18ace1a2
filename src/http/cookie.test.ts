import assert from "node:assert/strict";
import { test } from "node:test";
import { cookieValue, setCookie } from "./cookie.ts";

test("the first cookie of a name is found, in any field, without quotes around it", () => {
  const fields = ["a=1; b=2;c=x=y", ' d="quoted"; a=3', "e"];
  assert.equal(cookieValue(fields, "a"), "1");
  assert.equal(cookieValue(fields, "b"), "2");
  assert.equal(cookieValue(fields, "c"), "x=y");
  assert.equal(cookieValue(fields, "d"), "quoted");
});

test("what is no cookie of that name is not taken for one", () => {
  assert.equal(cookieValue([], "a"), "");
  assert.equal(cookieValue(["ab=1; a; =2; a b=3"], "a"), "");
  assert.equal(cookieValue(["a; b=1; a=2"], "a"), "2", "a malformed one is passed over");
  assert.equal(cookieValue(['a="'], "a"), '"', "one quote is no pair");
  assert.equal(cookieValue(["a="], "a"), "");
});

test("a cookie is set with what is asked for, and out of reach of scripts", () => {
  const session = { maxAgeS: 0, path: "", more: "" };
  assert.equal(setCookie("a", "1", session), 'a="1"; HttpOnly');
  const lasting = { maxAgeS: 60, path: "/x", more: "; SameSite=Lax" };
  assert.equal(setCookie("a", "1", lasting), 'a="1"; Max-Age=60; Path=/x; SameSite=Lax; HttpOnly');
});
