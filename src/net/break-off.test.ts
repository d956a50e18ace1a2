import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { socketPair, tlsSocketPair } from "../../test/support/socket-pair.ts";
import { breakOff } from "./break-off.ts";

test("the peer of a broken-off connection gets a reset", async (context) => {
  const [near, far] = await socketPair(context);
  far.resume();
  const failed = once(far, "error");
  breakOff(near);
  const [error] = await failed;
  assert.equal(error.code, "ECONNRESET");
});

test("over TLS, too, both ends are let go", async (context) => {
  const [near, far] = await tlsSocketPair(context);
  far.resume();
  breakOff(near);
  await Promise.all([once(near, "close"), once(far, "close")]);
});

for (const [name, pair] of [
  ["TCP", socketPair],
  ["TLS", tlsSocketPair],
] as const) {
  // Otherwise the descriptor stayed open, and the end of the process waited for it without end.
  test(`a connection whose end is on its way is let go (${name})`, async (context) => {
    const [near, far] = await pair(context);
    far.resume();
    near.end("last");
    await new Promise(setImmediate);
    const closed = once(near, "close");
    breakOff(near);
    await closed;
  });
}
