/** Limits on connections hold as in a real Envoy: the same listeners, and connections that come in the same order. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { comesIn, fewConnections, maxConnections } from "../support/connection-limits.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";
import { httpFilter, tcpBootstrap, tcpFilter } from "../support/tcp-fixture.ts";

const envoy = await envoyOrSkip();
const GET = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";
const CASES: Readonly<Record<string, readonly JsonObject[]>> = {
  "at a time": [maxConnections(2)],
  "in a day": [fewConnections(3)],
  "at a time, of those in a day": [maxConnections(3), fewConnections(2)],
  "in a day, of those at a time": [fewConnections(3), maxConnections(1)],
};

/** Whether each of five that come and stay is answered. */
async function storyOf(context: TestContext, port: number): Promise<readonly boolean[]> {
  const answered: boolean[] = [];
  for (let i = 0; i < 5; i++) answered.push((await comesIn(context, port, GET)) !== undefined);
  return answered;
}

for (const [name, limits] of Object.entries(CASES)) {
  for (const [protocol, filterOf] of [
    ["HTTP", httpFilter],
    ["TCP", tcpFilter],
  ] as const) {
    test(`${protocol} connections, ${name}`, { skip: envoy.skip ?? false }, async (context) => {
      assert.ok(envoy.path !== undefined);
      const app = await RawUpstream.echo(context);
      const bootstrap = tcpBootstrap(
        { filter_chains: [{ filters: [...limits, filterOf("app")] }] },
        [{ name: "app", endpoints: [app.port] }],
      );
      const proxy = await ProxyFixture.start(context, bootstrap);
      const real = await startStaticEnvoy(envoy.path, bootstrap["static_resources"] as JsonObject);
      context.after(() => real.stop());
      const ours = await storyOf(context, proxy.port("main"));
      assert.deepEqual(ours, await storyOf(context, real.portOf("main")));
      assert.ok(ours.includes(true) && ours.includes(false));
    });
  }
}
