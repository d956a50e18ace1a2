/** Load shedding in a real sidecar: what is refused when an app has enough to do, and what is told of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type RawUpstreamOptions } from "../support/raw-upstream.ts";

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";

const CLASSES = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: "type.googleapis.com/tulle.filters.http.admission.v1.PriorityClasses",
  value: {
    classes: [
      { priority: "critical", headers: [{ name: "x-plan", string_match: { exact: "gold" } }] },
      { priority: "sheddable", headers: [{ name: "x-plan", string_match: { exact: "free" } }] },
    ],
  },
};

function manager(concurrency: { readonly min: number; readonly max: number }): JsonObject {
  return {
    http_filters: [
      { name: "tulle.filters.http.admission", is_optional: true, typed_config: CLASSES },
      {
        name: "envoy.filters.http.adaptive_concurrency",
        typed_config: {
          "@type": `${HTTP}.adaptive_concurrency.v3.AdaptiveConcurrency`,
          gradient_controller_config: {
            concurrency_limit_params: {
              max_concurrency_limit: concurrency.max,
              concurrency_update_interval: "0.02s",
            },
            min_rtt_calc_params: { interval: "60s", min_concurrency: concurrency.min },
          },
        },
      },
      { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
    ],
  };
}

async function bootstrap(
  context: TestContext,
  concurrency: { readonly min: number; readonly max: number },
  options: RawUpstreamOptions = {},
) {
  const upstream = await RawUpstream.start(context, options);
  const listeners = [{ routes: "app", manager: manager(concurrency) }];
  return { upstream, json: bootstrapOf(listeners, [{ name: "app", endpoints: [upstream.port] }]) };
}

async function clientOf(context: TestContext, port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  return client;
}

test("more requests at a time than the app takes are refused at once, and told so", async (context) => {
  const { upstream, json } = await bootstrap(context, { min: 1, max: 2 });
  const proxy = await ProxyFixture.start(context, json);
  const clients = await Promise.all([1, 2, 3].map(() => clientOf(context, proxy.port())));
  const [first, second, third] = clients as [RawClient, RawClient, RawClient];
  first.get("/1");
  second.get("/2");
  const held = [await upstream.next(), await upstream.next()];
  const refused = await third.get("/3", ["Accept: application/json"]).response();
  assert.equal(refused.status, 503);
  assert.equal(headerOf(refused, "retry-after"), "1");
  const { flag, details, message } = JSON.parse(refused.body);
  assert.deepEqual([flag, details], ["OM", "reached_concurrency_limit"]);
  assert.match(message, /class default/);
  for (const request of held) request.reply("done");
  assert.equal((await first.response()).status, 200);
  assert.equal((await second.response()).status, 200);
  third.get("/4");
  (await upstream.next()).reply("done");
  assert.equal((await third.response()).status, 200);
  const labels = ['priority="default"'];
  assert.equal(proxy.metric("tulle_admission_requests_total", ...labels, 'result="shed"'), 1);
  assert.equal(proxy.metric("tulle_admission_requests_total", ...labels, 'result="admitted"'), 3);
});

test("a place is free again when its client goes away, and when its answer begins", async (context) => {
  const { upstream, json } = await bootstrap(context, { min: 1, max: 1 });
  const proxy = await ProxyFixture.start(context, json);
  const leaving = await clientOf(context, proxy.port());
  leaving.get("/leaves");
  const left = await upstream.next();
  const upstreamEnd = once(left.connection.socket, "close");
  leaving.socket.resetAndDestroy();
  // The proxy gives the upstream's connection up when it has heard of the client's end.
  await upstreamEnd;
  const streaming = await clientOf(context, proxy.port());
  streaming.get("/streams");
  (await upstream.next()).connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbe");
  await streaming.text(/be$/);
  const other = await clientOf(context, proxy.port());
  other.get("/other");
  (await upstream.next()).reply("done");
  assert.equal((await other.response()).status, 200);
});

/** Those that come before the sidecar has seen anything are not judged. */
const FIRST_REQUESTS = 50;
/** The app works on two requests at a time. */
const WORKERS = 2;
const WORK_MS = 5;
const CRITICAL_REQUESTS = 150;
const SHEDDABLE_CLIENTS = 6;

test("of a real process's requests, those that can be spared are refused, critical ones are served", async (context) => {
  const waiting: (() => void)[] = [];
  let busy = 0;
  const work = (reply: () => void): void => {
    if (busy === WORKERS) {
      waiting.push(reply);
      return;
    }
    busy += 1;
    setTimeout(() => {
      busy -= 1;
      reply();
      const next = waiting.shift();
      if (next !== undefined) work(next);
    }, WORK_MS);
  };
  const { json } = await bootstrap(
    context,
    { min: 3, max: 6 },
    { onRequest: (request) => work(() => request.reply("done")) },
  );
  const proxy = await ProxyProcess.start(context, json);
  const none = () => ({ gold: { 200: 0, 503: 0 }, free: { 200: 0, 503: 0 } });
  let counts = none();
  let isOver = false;
  const ask = async (plan: "gold" | "free", countMax: number): Promise<void> => {
    const client = await clientOf(context, proxy.port("main"));
    for (let i = 0; i < countMax && !isOver; i++) {
      const { status } = await client.get("/", [`X-Plan: ${plan}`]).response();
      counts[plan][status as 200 | 503] += 1;
      // Whoever is refused comes again, but not at once: the machine is for those who are served.
      if (status === 503) await delay(WORK_MS);
    }
  };
  const others = Array.from({ length: SHEDDABLE_CLIENTS }, () => ask("free", Number.MAX_VALUE));
  await ask("gold", FIRST_REQUESTS);
  counts = none();
  await ask("gold", CRITICAL_REQUESTS);
  isOver = true;
  await Promise.all(others);
  const { gold, free } = counts;
  assert.ok(gold[200] > gold[503], JSON.stringify(counts));
  assert.ok(free[503] > free[200], JSON.stringify(counts));
  const metrics = await proxy.admin("/stats/prometheus");
  assert.match(
    metrics.body,
    /tulle_admission_requests_total\{priority="sheddable",result="shed"\}/,
  );
  const gauge = (name: string): number =>
    Number(
      new RegExp(`^${name}\\{listener="main",chain="0"\\} (\\S+)$`, "m").exec(metrics.body)?.[1],
    );
  const limit = gauge("tulle_admission_concurrency_limit");
  assert.ok(limit >= 3 && limit <= 6, metrics.body);
  assert.ok(gauge("tulle_admission_base_latency_milliseconds") > 0, metrics.body);
});
