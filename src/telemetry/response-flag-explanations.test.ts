/** Every flag is explained, and Envoy's list is whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENVOY_RESPONSE_FLAGS } from "../resource/kinds/access-log-filter.ts";
import { RESPONSE_FLAGS } from "./response-flag.ts";
import { explainFlags, FLAG_EXPLANATIONS, NEVER_RAISED } from "./response-flag-explanations.ts";

test("all of Envoy's flags are there, each explained", () => {
  const flags = RESPONSE_FLAGS.slice(1).toSorted();
  assert.equal(flags.length, 30);
  assert.deepEqual(flags, [...ENVOY_RESPONSE_FLAGS].sort());
  assert.deepEqual(Object.keys(FLAG_EXPLANATIONS).sort(), flags);
  const long = Object.values(FLAG_EXPLANATIONS).map((one) => one.long);
  assert.equal(new Set(long).size, 30);
});

test("what is never raised says so", () => {
  for (const flag of Object.keys(NEVER_RAISED)) {
    assert.match(FLAG_EXPLANATIONS[flag as "LH"].check, /^Nothing here/);
  }
});

test("flags are explained as logs have them", () => {
  assert.match(explainFlags("UF,URX") ?? "", /could not be connected .* Every retry failed/);
  assert.equal(explainFlags("-"), undefined);
});
