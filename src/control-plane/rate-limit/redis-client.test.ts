import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { SeededPrng } from "../../core/prng.ts";
import { parseRedisUrl } from "./redis-address.ts";
import { RedisClient } from "./redis-client.ts";

/** Longer than an answer may take, shorter than a second look at it. */
const LATE_MS = 1_600;

/** A client that has asked what the peer has not answered yet. */
async function asking(t: TestContext) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clock = new ManualClock();
  const client = new RedisClient({
    address: parseRedisUrl(`redis://127.0.0.1:${port}`, "url"),
    clock,
    prng: new SeededPrng(1),
    log: silentLogger,
  });
  await client.start();
  const [peer] = (await once(server, "connection")) as [Socket];
  t.after(async () => {
    await client.stop();
    peer.destroy();
    server.close();
  });
  await once(peer, "data");
  peer.write("+PONG\r\n");
  const asked = once(peer, "data").then(() => "asked");
  for (;;) {
    const answer = client.call(["GET", "key"]);
    const outcome = await Promise.race([asked, answer.catch(() => "not connected yet")]);
    if (outcome === "asked") return { answer, peer, clock };
    await new Promise(setImmediate);
  }
}

test("an answer that came while this process stood still counts", async (t) => {
  const { answer, peer, clock } = await asking(t);
  peer.write("+value\r\n");
  clock.advance(LATE_MS);
  assert.equal(await answer, "value");
});

test("without an answer the connection is over", async (t) => {
  const { answer, clock } = await asking(t);
  clock.advance(2 * LATE_MS);
  await assert.rejects(answer, /no answer in time/);
});
