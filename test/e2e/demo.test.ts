/** `tulle demo` as users run it. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { after, before, test } from "node:test";
import { TulleHome } from "./tulle-process.ts";

let home: TulleHome;

before(async () => {
  home = await TulleHome.create();
});

after(() => home.remove());

test("ends by itself with a summary: no failure, all on mutual TLS", async () => {
  const demo = home.start(["demo", "--seconds", "8"]);
  const ending = await demo.ended;
  assert.equal(ending.code, 0, ending.output);
  assert.match(ending.output, /The shop is open at http:\/\/127\.0\.0\.1:\d+\//);
  const requests = /requests between services {2}([\d,]+)/.exec(ending.output)?.[1];
  assert.ok(Number(requests?.replaceAll(",", "")) > 100, ending.output);
  assert.match(ending.output, /failed {21}0\n/);
  assert.match(ending.output, /on mutual TLS {14}100 %/);
  assert.match(ending.output, /split of catalog {11}v1 \d+\.\d %, v2 \d+\.\d %/);
  await home.emptied();
});

test("avoids a port in use, shows the shop, is found by other commands, and Ctrl-C leaves nothing", async () => {
  const occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(0, "127.0.0.1", resolve));
  const { port } = occupant.address() as AddressInfo;
  const demo = home.start(["demo", "--port", String(port)]);
  const [, url = ""] = await demo.waitFor(/The shop is open at (\S+)/);
  assert.notEqual(new URL(url).port, String(port));
  const page = await fetch(url);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /Tulle &amp; Thread[\s\S]*Silk tulle/);
  const status = await home.start(["status"]).ended;
  assert.equal(status.code, 0, status.output);
  assert.match(status.output, /storefront/);
  demo.signal("SIGINT");
  const ending = await demo.ended;
  assert.equal(ending.code, 0, ending.output);
  await home.emptied();
  occupant.close();
});
