import assert from "node:assert/strict";
import { test } from "node:test";
import { MersenneTwister } from "./mersenne-twister.ts";

test("the C++ standard's value comes out: the ten thousandth of the default seed", () => {
  const twister = new MersenneTwister();
  twister.seed(5_489);
  assert.equal(twister.next(), 3_499_211_612);
  for (let i = 0; i < 9_998; i++) twister.next();
  assert.equal(twister.next(), 4_123_659_995);
});

test("numbers below a bound stay below it, and the same seed gives the same ones", () => {
  const [a, b] = [new MersenneTwister(), new MersenneTwister()];
  a.seed(7);
  b.seed(7);
  for (let count = 1; count < 100; count++) {
    const drawn = a.below(count);
    assert.ok(drawn >= 0 && drawn < count);
    assert.equal(b.below(count), drawn);
  }
});
