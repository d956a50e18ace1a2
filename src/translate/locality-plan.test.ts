import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import { dependsOnZone, zonePlaces } from "./locality-plan.ts";

const { locality: PLAIN } = defaultMeshConfigSpec().defaults.loadBalancer;
const ZONES = ["a", "b", "c"];

function placesText(settings: typeof PLAIN, caller: string, zones = ZONES): string {
  return [...zonePlaces(settings, caller, zones)]
    .map(([zone, { priority, weight }]) => `${zone}=${priority}${weight ? `*${weight}` : ""}`)
    .join(" ");
}

test("without a word about zones all are equal", () => {
  assert.equal(dependsOnZone(PLAIN), false);
  assert.equal(placesText(PLAIN, "a"), "a=0 b=0 c=0");
});

test("the caller's zone comes first, then the order that is written, then the rest", () => {
  const settings = { ...PLAIN, preferZone: true };
  assert.equal(placesText(settings, "a"), "a=0 b=1 c=1");
  assert.equal(placesText(settings, ""), "a=0 b=0 c=0", "a caller that is nowhere prefers none");
  const ordered = { ...settings, failover: [{ from: "a", to: ["c"] }] };
  assert.equal(placesText(ordered, "a"), "a=0 b=2 c=1");
  assert.equal(placesText(ordered, "b"), "a=1 b=0 c=1");
});

test("priorities have no gaps, wherever instances are", () => {
  const settings = { ...PLAIN, preferZone: true, failover: [{ from: "*", to: ["x", "c"] }] };
  assert.equal(placesText(settings, "z", ["b", "c"]), "b=1 c=0");
});

test("shares of zones go before a preference; other zones are reserve", () => {
  const distribute = [
    { from: "a", to: { a: 80, b: 20 } },
    { from: "*", to: { c: 1 } },
  ];
  const settings = { ...PLAIN, preferZone: true, distribute };
  assert.equal(placesText(settings, "a"), "a=0*80 b=0*20 c=1");
  assert.equal(placesText(settings, "b"), "a=1 b=1 c=0*1");
});
