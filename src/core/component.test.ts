/** Starting in order, stopping in reverse, whatever fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Component, startAll, stopAll } from "./component.ts";

function component(
  name: string,
  calls: string[],
  fails: { readonly start?: boolean; readonly stop?: boolean } = {},
): Component {
  return {
    name,
    async start() {
      calls.push(`start ${name}`);
      if (fails.start) throw new Error(`${name} does not start`);
    },
    async stop(graceMs) {
      calls.push(`stop ${name} ${graceMs}`);
      if (fails.stop) throw new Error(`${name} does not stop`);
    },
  };
}

test("components start in order and stop in reverse", async () => {
  const calls: string[] = [];
  const components = ["a", "b"].map((name) => component(name, calls));
  await startAll(components);
  await stopAll(components, 5);
  assert.deepEqual(calls, ["start a", "start b", "stop b 5", "stop a 5"]);
});

test("when one does not start, it and those before it are stopped, and its error is thrown", async () => {
  const calls: string[] = [];
  const components = [
    component("a", calls, { stop: true }),
    component("b", calls, { start: true }),
    component("c", calls),
  ];
  await assert.rejects(startAll(components), /b does not start/);
  assert.deepEqual(calls, ["start a", "start b", "stop b 0", "stop a 0"]);
});

test("one that does not stop leaves the others stopped, and all failures are told", async () => {
  const calls: string[] = [];
  const components = [
    component("a", calls, { stop: true }),
    component("b", calls),
    component("c", calls, { stop: true }),
  ];
  await assert.rejects(stopAll(components, 1), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors.map(String), [
      "Error: c does not stop",
      "Error: a does not stop",
    ]);
    return true;
  });
  assert.deepEqual(calls, ["stop c 1", "stop b 1", "stop a 1"]);
});
