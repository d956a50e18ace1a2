import assert from "node:assert/strict";
import { test } from "node:test";
import type { FieldError } from "./field-error.ts";
import { allowsUpgrade, compileUpgrades, NO_UPGRADES } from "./upgrade-rule.ts";

function rules(...configs: Parameters<typeof compileUpgrades>[0]) {
  const errors: FieldError[] = [];
  const compiled = compileUpgrades(configs, "upgrade_configs", errors);
  return { compiled, errors };
}

test("nothing is allowed that is not configured", () => {
  assert.equal(allowsUpgrade("websocket", undefined, NO_UPGRADES), false);
  assert.equal(allowsUpgrade("", undefined, NO_UPGRADES), false);
});

test("types match in any case, and CONNECT is one", () => {
  const { compiled, errors } = rules({ upgradeType: "WebSocket" }, { upgradeType: "CONNECT" });
  assert.deepEqual(errors, []);
  assert.ok(allowsUpgrade("websocket", undefined, compiled));
  assert.ok(allowsUpgrade("WEBSOCKET", undefined, compiled));
  assert.ok(allowsUpgrade("", undefined, compiled));
  assert.equal(allowsUpgrade("websocket, other", undefined, compiled), false);
  assert.equal(allowsUpgrade("spdy/3.1", undefined, compiled), false);
});

test("a route overrides its listener, in both directions", () => {
  const on = rules({ upgradeType: "websocket" }).compiled;
  const off = rules({ upgradeType: "websocket", enabled: false }).compiled;
  assert.equal(allowsUpgrade("websocket", off, on), false);
  assert.ok(allowsUpgrade("websocket", on, off));
  assert.ok(allowsUpgrade("websocket", NO_UPGRADES, on));
});

test("what cannot be meant is refused with its path", () => {
  const { errors } = rules(
    { upgradeType: "" },
    { upgradeType: "spdy/3.1" },
    { upgradeType: "SPDY/3.1" },
    { upgradeType: "a, b" },
    { upgradeType: "h2c" },
    { upgradeType: "h2c", enabled: false },
  );
  assert.deepEqual(
    errors.map(({ path }) => path),
    [0, 2, 3, 4, 5].map((index) => `upgrade_configs[${index}].upgrade_type`),
  );
});
