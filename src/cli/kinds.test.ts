import assert from "node:assert/strict";
import { test } from "node:test";
import { registry } from "../resource/registry.ts";
import { CliError } from "./errors.ts";
import { findKind, KINDS, objectName, parseSelection } from "./kinds.ts";

test("the names are those of the schemas", () => {
  assert.deepEqual(
    KINDS.map(({ kind, plural, shortNames, isNamespaced }) => ({
      kind,
      plural,
      shortNames,
      namespaced: isNamespaced,
    })),
    registry.kinds
      .map(({ kind, plural, shortNames, namespaced }) => ({ kind, plural, shortNames, namespaced }))
      .toSorted((a, b) => a.kind.localeCompare(b.kind)),
  );
});

test("a kind is found by any of its names, in any case", () => {
  for (const word of ["HTTPRoute", "httproute", "HTTPRoutes", "hr"]) {
    assert.equal(findKind(word)?.kind, "HTTPRoute", word);
  }
  assert.equal(findKind("pod"), undefined);
});

test("KIND NAME and KIND/NAME select the same objects", () => {
  assert.deepEqual(parseSelection("svc", ["a", "b"]).names, ["a", "b"]);
  assert.deepEqual(parseSelection("svc/a", ["service/b"]).names, ["a", "b"]);
  assert.deepEqual(parseSelection("svc", []).names, []);
  assert.throws(() => parseSelection("svc/a", ["hr/b"]), /"hr\/b" is not of the kind Service/);
  assert.throws(
    () => parseSelection("servcie", []),
    (error) => error instanceof CliError && /did you mean "service"/.test(error.message),
  );
  assert.equal(objectName("HTTPRoute", "catalog"), "httproute/catalog");
});
