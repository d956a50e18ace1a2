/** Header changes: every action, and Envoy's order within one list, read off a running Envoy 1.40. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { blockOf } from "../../test/support/header-fixture.ts";
import { compiledRoute, routeErrors } from "../../test/support/routing-fixture.ts";
import { applyMutations, NO_MUTATIONS } from "./header-mutation.ts";
import type { HttpVersion } from "./request-view.ts";

type Action =
  | "APPEND_IF_EXISTS_OR_ADD"
  | "ADD_IF_ABSENT"
  | "OVERWRITE_IF_EXISTS_OR_ADD"
  | "OVERWRITE_IF_EXISTS";

function add(value: string, action?: Action, key = "x"): JsonObject {
  const header = { key, value };
  return action === undefined ? { header } : { header, append_action: action };
}

function changed(
  before: readonly string[],
  additions: JsonObject[],
  removals: string[] = [],
  version: HttpVersion = "HTTP/1.1",
) {
  const { requestMutations } = compiledRoute({
    match: { prefix: "/" },
    direct_response: { status: 200 },
    request_headers_to_add: additions,
    request_headers_to_remove: removals,
  });
  const headers = blockOf(before.map((line) => `${line}\r\n`).join(""));
  applyMutations(requestMutations, headers, version);
  return headers.toLines().split("\r\n").slice(0, -1);
}

test("each action, on a header that is there and on one that is not", () => {
  const there = ["x: 0", "X: 1"];
  assert.deepEqual(changed(there, [add("2")]), ["x: 0", "X: 1", "x: 2"]);
  assert.deepEqual(changed([], [add("2")]), ["x: 2"]);
  assert.deepEqual(changed(there, [add("2", "ADD_IF_ABSENT")]), there);
  assert.deepEqual(changed([], [add("2", "ADD_IF_ABSENT")]), ["x: 2"]);
  assert.deepEqual(changed(there, [add("2", "OVERWRITE_IF_EXISTS_OR_ADD")]), ["x: 2"]);
  assert.deepEqual(changed([], [add("2", "OVERWRITE_IF_EXISTS_OR_ADD")]), ["x: 2"]);
  assert.deepEqual(changed(there, [add("2", "OVERWRITE_IF_EXISTS")]), ["x: 2"]);
  assert.deepEqual(changed([], [add("2", "OVERWRITE_IF_EXISTS")]), []);
});

test("the older boolean appends or overwrites", () => {
  assert.deepEqual(changed(["x: 0"], [{ ...add("1"), append: true }]), ["x: 0", "x: 1"]);
  assert.deepEqual(changed(["x: 0"], [{ ...add("1"), append: false }]), ["x: 1"]);
});

test("removals come first, and conditions see what they left", () => {
  assert.deepEqual(changed(["x: 0", "y: 1"], [], ["X"]), ["y: 1"]);
  assert.deepEqual(changed(["x: 0"], [add("2", "ADD_IF_ABSENT")], ["X"]), ["x: 2"]);
  assert.deepEqual(changed(["x: 0"], [add("2", "OVERWRITE_IF_EXISTS")], ["x"]), []);
});

test("within a list conditions are judged first, then values replaced, then added", () => {
  const set = "OVERWRITE_IF_EXISTS_OR_ADD";
  assert.deepEqual(changed(["x: 0"], [add("1"), add("2", set)]), ["x: 2", "x: 1"]);
  assert.deepEqual(changed(["x: 0"], [add("2", set), add("1")]), ["x: 2", "x: 1"]);
  assert.deepEqual(changed([], [add("1", set), add("2", set)]), ["x: 2"]);
  const absent = [add("1", "ADD_IF_ABSENT"), add("2", "ADD_IF_ABSENT")];
  assert.deepEqual(changed([], absent), ["x: 1", "x: 2"]);
  assert.deepEqual(changed([], [add("1"), add("2", "ADD_IF_ABSENT")]), ["x: 1", "x: 2"]);
  assert.deepEqual(changed([], [add("1", set), add("2", "ADD_IF_ABSENT")]), ["x: 1", "x: 2"]);
  assert.deepEqual(changed([], [add("1"), add("2", "OVERWRITE_IF_EXISTS")]), ["x: 1"]);
  assert.deepEqual(changed(["x: 0"], [add("1"), add("2", "OVERWRITE_IF_EXISTS")]), [
    "x: 2",
    "x: 1",
  ]);
  // The same header in another case.
  const both = [add("1", "ADD_IF_ABSENT", "X"), add("2", "ADD_IF_ABSENT")];
  assert.deepEqual(changed([], both), ["X: 1", "x: 2"]);
});

test("an empty value changes nothing", () => {
  const additions = [add(""), add("", "OVERWRITE_IF_EXISTS_OR_ADD", "y")];
  assert.deepEqual(changed(["y: 0"], additions), ["y: 0"]);
});

test("%PROTOCOL% is the client's version, alone and within text, for every action", () => {
  const set = [add("%PROTOCOL%", "OVERWRITE_IF_EXISTS_OR_ADD")];
  for (const version of ["HTTP/1.0", "HTTP/1.1", "HTTP/2"] as const) {
    assert.deepEqual(changed(["x: forged"], set, [], version), [`x: ${version}`]);
  }
  const appended = [add("a%%%PROTOCOL%/%PROTOCOL%b")];
  assert.deepEqual(changed(["x: 0"], appended, [], "HTTP/2"), ["x: 0", "x: a%HTTP/2/HTTP/2b"]);
  const absent = [add("%PROTOCOL%", "ADD_IF_ABSENT")];
  assert.deepEqual(changed(["x: 0"], absent, [], "HTTP/2"), ["x: 0"]);
  assert.deepEqual(changed([], absent, [], "HTTP/2"), ["x: HTTP/2"]);
});

test("%% is a percent sign, and text is written in UTF-8", () => {
  assert.deepEqual(changed([], [add("a%%b")]), ["x: a%b"]);
  const [line = ""] = changed([], [add("é日")]);
  assert.equal(Buffer.from(line, "latin1").toString("utf8"), "x: é日");
});

test("names keep their case on the wire", () => {
  assert.deepEqual(changed([], [add("1", undefined, "X-Foo")]), ["X-Foo: 1"]);
});

test("a route that changes nothing has the shared empty list", () => {
  const route = compiledRoute({ match: { prefix: "/" }, direct_response: { status: 200 } });
  assert.equal(route.requestMutations, NO_MUTATIONS);
  assert.equal(route.responseMutations, NO_MUTATIONS);
});

test("what cannot be meant is refused at its path", () => {
  const errorsOf = (lists: JsonObject): readonly string[] =>
    routeErrors({ match: { prefix: "/" }, direct_response: { status: 200 }, ...lists });
  for (const name of [
    ...["host", "Content-Length", "transfer-encoding", "connection", "keep-alive"],
    ...["proxy-connection", "te", "trailer", "upgrade"],
  ]) {
    const reason = `${name} cannot be changed by a route`;
    assert.deepEqual(errorsOf({ request_headers_to_add: [add("1", undefined, name)] }), [
      `request_headers_to_add[0].header.key: ${reason}`,
    ]);
    assert.deepEqual(errorsOf({ response_headers_to_remove: ["x", name] }), [
      `response_headers_to_remove[1]: ${reason}`,
    ]);
  }
  for (const name of [":path", "a b", "", "a:", "é"]) {
    assert.deepEqual(errorsOf({ response_headers_to_add: [add("1", undefined, name)] }), [
      `response_headers_to_add[0].header.key: "${name}" is not a header name`,
    ]);
  }
  assert.deepEqual(errorsOf({ request_headers_to_add: [{}] }), [
    'request_headers_to_add[0].header.key: "" is not a header name',
  ]);
  for (const value of ["a\r\nb: c", "a\0", "\u007f"]) {
    assert.deepEqual(errorsOf({ request_headers_to_add: [add(value)] }), [
      "request_headers_to_add[0].header.value: the value has a control character",
    ]);
  }
  for (const value of ["100%", "%REQ(x)%", "%PROTOCOL", "%PROTOCOL%%"]) {
    assert.deepEqual(errorsOf({ request_headers_to_add: [add(value)] }), [
      "request_headers_to_add[0].header.value: of the command operators (%…%) only %PROTOCOL% is implemented; write %% for a percent sign",
    ]);
  }
  assert.deepEqual(
    errorsOf({ request_headers_to_add: [{ ...add("1", "ADD_IF_ABSENT"), append: true }] }),
    ["request_headers_to_add[0].append: cannot stand together with append_action"],
  );
});
