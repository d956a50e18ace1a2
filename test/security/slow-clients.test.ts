/**
 * T20: a thousand clients whose heads come byte by byte. An honest client is served all the while, and each of the slow ones
 * ends at the deadline for heads, however steadily its bytes come. On a clock that only the test moves.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { until } from "../support/until.ts";

const SLOW_CLIENTS = 1000;
/** Connections that are opened at a time: fewer than the queue of a listening socket has room for. */
const OPENED_AT_ONCE = 100;
const DEADLINE_S = 10;
const HEAD = "GET / HTTP/1.1\r\nHost: app\r\nX-Slow: ";

test("a thousand slow clients leave an honest one served, and end at their deadline", async (context) => {
  const clock = new ManualClock();
  const app = await RawUpstream.echo(context);
  const manager = { request_headers_timeout: `${DEADLINE_S}s` };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app", manager }], [{ name: "app", endpoints: [app.port] }]),
    { clock },
  );
  const slow: RawClient[] = [];
  context.after(() => {
    for (const client of slow) client.close();
  });
  while (slow.length < SLOW_CLIENTS) {
    const opening = Array.from({ length: OPENED_AT_ONCE }, () => RawClient.connect(proxy.port()));
    slow.push(...(await Promise.all(opening)));
  }
  const honest = await RawClient.connect(proxy.port());
  context.after(() => honest.close());
  const serveHonest = async (path: string): Promise<void> => {
    assert.equal((await honest.get(path).response()).body, path);
  };

  for (const client of slow) client.send(HEAD.charAt(0));
  await until(() => busyConnections(proxy) === SLOW_CLIENTS);
  for (let second = 1; second < DEADLINE_S; second++) {
    clock.advance(1000);
    for (const client of slow) client.send(HEAD.charAt(second));
    await serveHonest(`/after/${second}`);
  }
  assert.equal(busyConnections(proxy), SLOW_CLIENTS, "none has ended before its time");
  assert.equal(app.requests.length, DEADLINE_S - 1, "nothing of theirs reaches the app");

  // Deadlines are looked at now and then, not to the millisecond.
  for (let second = 0; second < 3; second++) clock.advance(1000);
  const answers = await Promise.all(slow.map((client) => client.response()));
  assert.ok(answers.every(({ status }) => status === 408));
  await Promise.all(slow.map((client) => client.ending()));
  await serveHonest("/afterwards");
  // Clients that do not close on their side are not waited for.
  await until(() => {
    clock.advance(100);
    return proxy.httpServer().connections.size <= 1;
  });
  assert.equal(proxy.metric("istio_requests_total", 'response_code="408"'), SLOW_CLIENTS);
});

/** Those on which a head has begun. */
function busyConnections(proxy: ProxyFixture): number {
  return [...proxy.httpServer().connections].filter((one) => "isIdle" in one && !one.isIdle).length;
}
