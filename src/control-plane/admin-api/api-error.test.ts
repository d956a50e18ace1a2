import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../core/errors.ts";
import { apiError, apiErrorResponse } from "./api-error.ts";

test("a route's error keeps its code, message, hint and details", () => {
  const error = apiError("conflict", "taken", { hint: "wait", details: { by: "a" } });
  assert.deepEqual(apiErrorResponse(error), {
    status: 409,
    body: { error: { code: "conflict", message: "taken", hint: "wait", details: { by: "a" } } },
  });
});

test("the store's errors get their status, with a hint where one helps", () => {
  const statusOf = (code: string) => {
    const { status, body } = apiErrorResponse(new MeshError({ code }, "what happened"));
    assert.equal(body.error.message, "what happened");
    return status;
  };
  assert.equal(statusOf("not-found"), 404);
  assert.equal(statusOf("conflict"), 409);
  assert.equal(statusOf("compacted"), 410);
  assert.equal(statusOf("closed"), 503);
});

test("what is not foreseen tells nothing of the inside", () => {
  for (const error of [new Error("secret"), "secret", new MeshError({ code: "x" }, "secret")]) {
    const { status, body } = apiErrorResponse(error);
    assert.equal(status, 500);
    assert.doesNotMatch(JSON.stringify(body), /secret/);
  }
});
