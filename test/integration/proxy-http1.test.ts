import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type RawUpstreamOptions } from "../support/raw-upstream.ts";

interface Setup {
  readonly proxy: ProxyFixture;
  readonly upstream: RawUpstream;
  readonly client: RawClient;
}

async function setUp(context: TestContext, options: RawUpstreamOptions = {}): Promise<Setup> {
  const upstream = await RawUpstream.start(context, options);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [upstream.port] }]),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { proxy, upstream, client };
}

const echo: RawUpstreamOptions = { onRequest: (request) => request.reply(request.target) };

test("one connection carries many requests, on one connection upstream", async (context) => {
  const { client, upstream } = await setUp(context, echo);
  for (const path of ["/a", "/b", "/c"]) {
    client.get(path);
    assert.equal((await client.response()).body, path);
  }
  assert.equal(upstream.connections.length, 1);
});

test("1,000 pipelined requests are answered in order by a slow upstream", async (context) => {
  const { client, upstream } = await setUp(context);
  const paths = Array.from({ length: 1000 }, (_, index) => `/${index}`);
  client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`).join(""));
  for (const path of paths) {
    const request = await upstream.next();
    assert.equal(request.target, path);
    assert.equal(upstream.requests.length, Number(path.slice(1)) + 1, "one at a time");
    request.reply(path);
    assert.equal((await client.response()).body, path);
  }
  assert.equal(upstream.connections.length, 1);
});
