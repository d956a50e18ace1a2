/** An instance that joins begins with a small part of its share, which grows with the time; so does one that is back. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const WINDOW_MS = 10_000;
const SLOW_START = { slow_start_window: "10s", min_weight_percent: { value: 10 } };

async function setUp(context: TestContext, fields: JsonObject) {
  const upstreams: RawUpstream[] = [];
  for (let index = 0; index < 3; index++) {
    upstreams.push(
      await RawUpstream.start(context, { onRequest: (request) => request.reply(String(index)) }),
    );
  }
  const clock = new ManualClock();
  const ports = upstreams.map(({ port }) => port);
  const cluster = { name: "app", endpoints: ports, fields };
  const proxy = await ProxyFixture.start(context, bootstrapOf([{ routes: "app" }], [cluster]), {
    clock,
  });
  const found = proxy.dataPlane.clusters.get("app");
  assert.ok(found);
  const infos = found.endpoints.map(({ info }) => info);
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  /** Requests to the last upstream, of so many. */
  const share = async (count: number): Promise<number> => {
    let last = 0;
    for (let i = 0; i < count; i++) {
      client.get("/");
      if ((await client.response()).body === "2") last += 1;
    }
    return last;
  };
  return { proxy, clock, infos, share };
}

for (const policy of ["ROUND_ROBIN", "LEAST_REQUEST"] as const) {
  test(`${policy}: a new instance gets a tenth of its share, then half, then all of it`, async (context) => {
    const config = policy === "ROUND_ROBIN" ? "round_robin_lb_config" : "least_request_lb_config";
    const fields = { lb_policy: policy, [config]: { slow_start_config: SLOW_START } };
    const { proxy, clock, infos, share } = await setUp(context, fields);
    proxy.dataPlane.setEndpoints("app", infos.slice(0, 2));
    clock.advance(WINDOW_MS);
    proxy.dataPlane.setEndpoints("app", infos);
    // Its weight is 0.1 beside 1 and 1, then 0.5, then 1: 1/21, 1/5 and 1/3 of 210 requests.
    const isRandom = policy === "LEAST_REQUEST";
    const near = (value: number, wanted: number): void => {
      const slack = isRandom ? 4 * Math.sqrt(wanted) : 2;
      assert.ok(Math.abs(value - wanted) <= slack, `${value} of 210, not about ${wanted}`);
    };
    near(await share(210), 10);
    clock.advance(WINDOW_MS / 2);
    near(await share(210), 42);
    clock.advance(WINDOW_MS / 2);
    near(await share(210), 70);
  });
}
