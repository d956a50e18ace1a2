/** Filters in CEL: what they mean, and what they cannot say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogExpression, parseLogExpression } from "./log-expression.ts";

function parsed(text: string): LogExpression {
  const result = parseLogExpression(text);
  assert.ok(result.ok, result.ok ? "" : `${text}: ${result.message}`);
  return result.expression;
}

function problem(text: string): string {
  const result = parseLogExpression(text);
  assert.ok(!result.ok, `${text} is taken`);
  return result.message;
}

test("comparisons, texts, lists", () => {
  assert.deepEqual(parsed("response.code >= 500"), { kind: "code", op: ">=", value: 500 });
  assert.deepEqual(parsed("request.duration > duration('1.5s')"), {
    ...{ kind: "duration", op: ">", value: 1500 },
  });
  assert.deepEqual(parsed("response.grpc_status != 0"), {
    kind: "not",
    item: { kind: "grpc-status", value: 0 },
  });
  assert.deepEqual(parsed("'UF' in response.flags"), { kind: "flags", flags: ["UF"] });
  assert.deepEqual(parsed("response.flags != 0"), { kind: "flags", flags: [] });
  assert.deepEqual(parsed('request.headers["X-Id"] == "a\\"b"'), {
    ...{ kind: "header", header: "x-id", test: "equals", value: 'a"b' },
  });
  assert.deepEqual(parsed("'X-Id' in request.headers"), { kind: "has-header", header: "x-id" });
  assert.deepEqual(parsed("request.path.startsWith('/api')"), {
    ...{ kind: "header", header: ":path", test: "startsWith", value: "/api" },
  });
});

test("&& binds closer than ||, ! closer than both", () => {
  const code = (value: number): LogExpression => ({ kind: "code", op: "==", value });
  const text =
    "response.code == 1 || response.code == 2 && !(response.code == 3 || response.code == 4)";
  assert.deepEqual(parsed(text), {
    kind: "or",
    items: [
      code(1),
      {
        kind: "and",
        items: [code(2), { kind: "not", item: { kind: "or", items: [code(3), code(4)] } }],
      },
    ],
  });
});

test("what it does not know is said with its place", () => {
  assert.equal(
    problem("response.cod == 1"),
    "position 10: the attribute response.cod is not known",
  );
  assert.equal(problem("response.code = 1"), "position 15: one of == != >= <= > < is expected");
  assert.equal(problem("response.code == "), "position 18: more is expected");
  assert.equal(
    problem("response.code == 5 response"),
    'position 20: "response" is not expected here',
  );
  assert.equal(problem("response.flags == 4").includes("'UF' in response.flags"), true);
  assert.equal(problem("(".repeat(40)).includes("nested too deep"), true);
  assert.equal(problem("request.path < 'a'"), "position 14: only == and != are known here");
  for (const text of ["", "§", "'a", "request.headers['a'", "duration('1s')"]) problem(text);
});
