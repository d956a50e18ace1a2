/** The client's address survives as many proxies as are named, the gateway among them, and no more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_TRUSTED_HOPS } from "./defaults.ts";
import { edgeHops, trustedHops } from "./trusted-hops.ts";

test("each trusted proxy but the first is a hop to leave out", () => {
  assert.deepEqual([0, 1, 2, 3].map(trustedHops), [NO_TRUSTED_HOPS, 0, 1, 2]);
});

test("a gateway believes those in front of it alone", () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((proxies) => edgeHops(trustedHops(proxies))),
    [0, 0, 1, 2],
  );
});
