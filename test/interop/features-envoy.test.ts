/** Features of clusters and routes, one after the other, through our sidecar's process and through a real Envoy. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ask, type PairSpec } from "../support/balancing-pair.ts";
import { bothProxies, type StartProxy } from "../support/both-proxies.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { address, routeTo } from "../support/proxy-bootstrap.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { TYPE } from "../support/sample-parts.ts";

const onBoth = bothProxies(await envoyOrSkip());
const ALL = { numerator: 100 };
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** A listener before one upstream that the test commands. */
async function oneApp(
  context: TestContext,
  start: StartProxy,
  fields: JsonObject,
  spec: Partial<PairSpec> = {},
) {
  const app = await RawUpstream.start(context);
  const port = await start({
    clusters: [{ name: "app", endpoints: [app.port], fields }],
    routes: [routeTo("app")],
    ...spec,
  });
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    context.after(() => client.close());
    return client;
  };
  return { app, port, connect };
}

function managerWith(...filters: readonly JsonObject[]): JsonObject {
  const router = { "@type": `${TYPE}.extensions.filters.http.router.v3.Router` };
  return { http_filters: [...filters, { name: "router", typed_config: router }] };
}

function lifetimes(common: JsonObject): JsonObject {
  return {
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: {
        "@type": `type.googleapis.com/${HTTP_OPTIONS}`,
        common_http_protocol_options: common,
        explicit_http_config: { http_protocol_options: {} },
      },
    },
  };
}

const retry = (policy: JsonObject): Pick<PairSpec, "routes"> => ({
  routes: [routeTo("app", { timeout: "30s", retry_policy: policy })],
});

onBoth(
  "an instance that is healthy again begins with a part of its share",
  async (context, start) => {
    let isWell = false;
    const servers = await Promise.all(
      Array.from({ length: 3 }, (_, index) =>
        RawUpstream.start(context, {
          onRequest: (request) => {
            const isSick = request.target === "/health" && index === 2 && !isWell;
            request.reply(String(index), [], isSick ? "503 Sick" : "200 OK");
          },
        }),
      ),
    );
    const check = {
      ...{ timeout: "5s", interval: "0.1s", no_traffic_interval: "0.1s" },
      ...{ unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: "/health" } },
    };
    const slow_start_config = { slow_start_window: "3s", min_weight_percent: { value: 1 } };
    const port = await start({
      clusters: [
        {
          name: "app",
          endpoints: servers.map((server) => server.port),
          fields: {
            health_checks: [check],
            common_lb_config: { healthy_panic_threshold: { value: 0 } },
            round_robin_lb_config: { slow_start_config },
          },
        },
      ],
      routes: [routeTo("app")],
    });
    /** What the third one gets of the requests of so many milliseconds. */
    const share = async (ms: number): Promise<number> => {
      const end = Date.now() + ms;
      const bodies: string[] = [];
      while (Date.now() < end) bodies.push((await ask({ port }, "/")).body);
      return bodies.filter((body) => body === "2").length / bodies.length;
    };
    assert.equal(await share(3_500), 0);
    isWell = true;
    assert.ok((await share(600)) < 0.22);
    await share(3_500);
    const later = await share(500);
    assert.ok(later > 0.25, String(later));
  },
);

onBoth("a listener limits the life of streams where routes say nothing", async (context, start) => {
  const listener = { common_http_protocol_options: { max_stream_duration: "0.3s" } };
  const max_stream_duration = { max_stream_duration: "0s" };
  const { app, connect } = await oneApp(
    context,
    start,
    {},
    {
      manager: { ...listener, ...managerWith() },
      routes: [
        routeTo("app", { timeout: "30s", max_stream_duration }, { prefix: "/long" }),
        routeTo("app", { timeout: "30s" }),
      ],
    },
  );
  const [long, short] = [await connect(), await connect()];
  long.get("/long");
  const held = await app.next();
  short.get();
  assert.equal((await short.response()).status, 504);
  held.reply();
  assert.equal((await long.response()).status, 200);
});

onBoth("urgent requests have a circuit breaker of their own", async (context, start) => {
  const thresholds = [{ max_requests: 1 }, { priority: "HIGH", max_requests: 2 }];
  const { app, port, connect } = await oneApp(
    context,
    start,
    { circuit_breakers: { thresholds } },
    { routes: [routeTo("app", { priority: "HIGH" }, { prefix: "/urgent" }), routeTo("app")] },
  );
  const [plain, urgent] = [await connect(), await connect()];
  plain.get("/");
  const held = await app.next();
  assert.equal((await ask({ port }, "/")).status, 503);
  urgent.get("/urgent");
  (await app.next()).reply();
  assert.equal((await urgent.response()).status, 200);
  held.reply();
  assert.equal((await plain.response()).status, 200);
});

onBoth("one connection, one request that waits, and no more", async (context, start) => {
  const thresholds = [{ max_connections: 1, max_pending_requests: 1 }];
  const { app, connect } = await oneApp(context, start, { circuit_breakers: { thresholds } });
  const [first, second, third] = [await connect(), await connect(), await connect()];
  first.get("/first");
  const held = await app.next();
  second.get();
  third.get();
  const refused = await Promise.race([second.response(), third.response()]);
  assert.equal(refused.status, 503);
  held.reply();
  (await app.next()).reply();
  assert.equal((await first.response()).status, 200);
  assert.equal(app.connections.length, 1);
});

onBoth("one endpoint gets no more connections than its limit", async (context, start) => {
  const per_host_thresholds = [{ max_connections: 2 }];
  const { app, connect } = await oneApp(context, start, {
    circuit_breakers: { per_host_thresholds },
  });
  const clients = await Promise.all(Array.from({ length: 3 }, connect));
  for (const client of clients) client.get();
  const held = [await app.next(), await app.next()];
  held[0]!.reply();
  (await app.next()).reply();
  held[1]!.reply();
  for (const client of clients) assert.equal((await client.response()).status, 200);
  assert.equal(app.connections.length, 2);
});

onBoth("a connection ends with its requests, and with its age", async (context, start) => {
  const counted = await oneApp(context, start, lifetimes({ max_requests_per_connection: 2 }));
  const client = await counted.connect();
  for (let i = 0; i < 5; i++) {
    client.get();
    (await counted.app.next()).reply();
    await client.response();
  }
  assert.equal(counted.app.connections.length, 3);
  const aged = await oneApp(context, start, lifetimes({ max_connection_duration: "0.2s" }));
  const other = await aged.connect();
  other.get();
  (await aged.app.next()).reply();
  await other.response();
  await aged.app.until(() => aged.app.openCount === 0);
});

/** Which timer the system runs for the connection to this port: proc_net_tcp(5), `tr`. */
function timerOf(upstreamPort: number): string | undefined {
  const port = upstreamPort.toString(16).toUpperCase().padStart(4, "0");
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
    const [, , remote = "", , , timer] = line.trim().split(/\s+/);
    if (remote.endsWith(`:${port}`)) return timer?.split(":")[0];
  }
  return undefined;
}

onBoth("TCP keep-alive watches idle connections", async (context, start) => {
  const tcp_keepalive = { keepalive_time: 100, keepalive_interval: 10, keepalive_probes: 3 };
  const upstream_connection_options = { tcp_keepalive };
  const { app, connect } = await oneApp(context, start, { upstream_connection_options });
  const client = await connect();
  client.get();
  (await app.next()).reply();
  await client.response();
  // 01 while the last segment is not acknowledged, 02 for keep-alive.
  while (timerOf(app.port) === "01") await new Promise((resolve) => setImmediate(resolve));
  assert.equal(timerOf(app.port), "02");
});

onBoth("a mirror gets a share of the requests, with their bodies", async (context, start) => {
  const app = await RawUpstream.echo(context);
  const mirror = await RawUpstream.echo(context);
  const quarter = { default_value: { numerator: 25, denominator: "HUNDRED" } };
  const policies = (more: JsonObject): JsonObject => ({
    request_mirror_policies: [{ cluster: "mirror", ...more }],
  });
  const port = await start({
    clusters: [
      { name: "app", endpoints: [app.port] },
      { name: "mirror", endpoints: [mirror.port] },
    ],
    routes: [
      routeTo("app", policies({}), { prefix: "/all" }),
      routeTo("app", policies({ runtime_fraction: quarter })),
    ],
  });
  for (let i = 0; i < 200; i++) await ask({ port }, "/");
  await mirror.until(() => mirror.requests.length > 20);
  assert.ok(mirror.requests.length < 90, String(mirror.requests.length));
  const body = "x".repeat(300_000);
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  client.send(`POST /all HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await client.response("POST");
  const copied = (): boolean =>
    mirror.requests.some((request) => request.target === "/all" && request.body === body);
  await mirror.until(copied);
});

onBoth("a retry comes when the answer says", async (context, start) => {
  const { app, connect } = await oneApp(
    context,
    start,
    {},
    retry({
      ...{ retry_on: "retriable-status-codes", retriable_status_codes: [429], num_retries: 1 },
      retry_back_off: { base_interval: "0.001s", max_interval: "0.001s" },
      rate_limited_retry_back_off: {
        reset_headers: [
          { name: "retry-after", format: "SECONDS" },
          { name: "x-ratelimit-reset", format: "UNIX_TIMESTAMP" },
        ],
        max_interval: "60s",
      },
    }),
  );
  const client = await connect();
  for (const line of [
    () => "retry-after: 1",
    () => `x-ratelimit-reset: ${Math.floor(Date.now() / 1000) + 2}`,
  ]) {
    client.get();
    const first = await app.next();
    const beganMs = performance.now();
    first.reply("", [line()], "429 Slow Down");
    (await app.next()).reply();
    assert.ok(performance.now() - beganMs > 900);
    assert.equal((await client.response()).status, 200);
  }
});

onBoth(
  "retries come after pauses that differ, and tell what is left of the time",
  async (context, start) => {
    const { app, connect } = await oneApp(
      context,
      start,
      { circuit_breakers: { thresholds: [{ max_retries: 100 }] } },
      retry({
        ...{ retry_on: "5xx", num_retries: 1 },
        retry_back_off: { base_interval: "0.5s", max_interval: "0.5s" },
      }),
    );
    const clients = await Promise.all(Array.from({ length: 12 }, connect));
    for (const [index, client] of clients.entries()) client.get(`/${index}`);
    const began = new Map<string, { readonly ms: number; readonly left: number }>();
    const pauses: number[] = [];
    while (pauses.length < clients.length) {
      const request = await app.next();
      const now = { ms: performance.now(), left: leftOf(request) };
      const first = began.get(request.target);
      if (first === undefined) {
        began.set(request.target, now);
        request.reply("", [], "503 Busy");
      } else {
        pauses.push(now.ms - first.ms);
        assert.ok(now.left <= first.left, "the time that is left does not grow");
        request.reply();
      }
    }
    for (const client of clients) assert.equal((await client.response()).status, 200);
    assert.ok(Math.max(...pauses) - Math.min(...pauses) > 50, pauses.join(" "));
  },
);

function leftOf(request: Parameters<typeof headerOf>[0]): number {
  const text = headerOf(request, "x-envoy-expected-rq-timeout-ms");
  assert.ok(text !== undefined);
  return Number(text);
}

onBoth("no more faults at a time than allowed", async (context, start) => {
  const fault = {
    "@type": `${TYPE}.extensions.filters.http.fault.v3.HTTPFault`,
    delay: { fixed_delay: "1s", percentage: ALL },
    max_active_faults: 1,
  };
  const { app, connect } = await oneApp(
    context,
    start,
    {},
    { manager: managerWith({ name: "envoy.filters.http.fault", typed_config: fault }) },
  );
  const clients = await Promise.all(Array.from({ length: 2 }, connect));
  for (const client of clients) client.get();
  (await app.next()).reply();
  const firstMs = performance.now();
  (await app.next()).reply();
  assert.ok(performance.now() - firstMs > 500, "the other one was delayed");
  for (const client of clients) assert.equal((await client.response()).status, 200);
});

onBoth("each connection has a rate limit of its own", async (context, start) => {
  const always = { default_value: ALL };
  const limit = {
    "@type": `${TYPE}.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`,
    ...{ stat_prefix: "limits", filter_enabled: always, filter_enforced: always },
    token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "3600s" },
    local_rate_limit_per_downstream_connection: true,
  };
  const { app, connect } = await oneApp(
    context,
    start,
    {},
    { manager: managerWith({ name: "envoy.filters.http.local_ratelimit", typed_config: limit }) },
  );
  for (const client of [await connect(), await connect()]) {
    client.get();
    (await app.next()).reply();
    assert.equal((await client.response()).status, 200);
    client.get();
    assert.equal((await client.response()).status, 429);
  }
});

onBoth("a name that is resolved logically leads to its first address", async (context, start) => {
  const app = await RawUpstream.echo(context);
  const load_assignment = {
    cluster_name: "app",
    endpoints: [{ lb_endpoints: [{ endpoint: { address: address(app.port, "localhost") } }] }],
  };
  const port = await start({
    clusters: [
      {
        name: "app",
        endpoints: [],
        fields: { type: "LOGICAL_DNS", dns_lookup_family: "V4_ONLY", load_assignment },
      },
    ],
    routes: [routeTo("app")],
  });
  assert.equal((await ask({ port }, "/by-name")).body, "/by-name");
});
