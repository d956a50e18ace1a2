/** Access logs of a real sidecar: what lines say, which requests are in them, records by OTLP, and what is never told. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { TELEMETRY_HELD_BYTES_MAX } from "../../src/core/limits.ts";
import { eventually } from "../support/envoy-process.ts";
import { LogCollector } from "../support/log-collector.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const TYPE = "type.googleapis.com/envoy.extensions.access_loggers";
/** Characters: few requests fill what is held for a receiver. */
const LONG_PATH = 12_000;
const HTTP2: JsonObject = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};

interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface SetUp {
  readonly logs: readonly JsonObject[];
  readonly collector?: LogCollector;
  readonly manager?: JsonObject;
}

/** The app answers with the status that the path says, `/status/503`. */
async function start(context: TestContext, { logs, collector, manager }: SetUp) {
  const app = await RawUpstream.start(context, {
    onRequest: ({ target, reply }) => {
      const [, status = "200"] = /^\/status\/(\d+)/.exec(target) ?? [];
      const lines = ["content-type: application/json", "x-answer: yes", "set-cookie: a=b"];
      reply('{"token":"secret","ok":1}', lines, `${status} Whatever`);
    },
  });
  const bootstrap = bootstrapOf(
    [
      {
        routes: [{ name: "all", ...routeTo("app") }],
        manager: { access_log: [...logs], ...manager },
      },
    ],
    [
      { name: "app", endpoints: [app.port] },
      {
        name: "collector",
        endpoints: [collector?.port ?? 1],
        fields: { typed_extension_protocol_options: HTTP2 },
      },
    ],
    { node: { id: "cart-1", cluster: "cart", metadata: { NAMESPACE: "shop", SERVICE: "cart" } } },
  );
  const proxy = await ProxyProcess.start(context, bootstrap);
  const ask = async ({ path = "/", method = "GET", headers = {}, body }: Ask): Promise<number> => {
    const sent = request({ port: proxy.port("main"), path, method, headers });
    sent.end(body);
    const [answer] = await once(sent, "response");
    answer.resume();
    await once(answer, "end");
    return answer.statusCode;
  };
  /** Ends the proxy, which writes what it has. */
  const stop = async (): Promise<void> => {
    const exit = once(proxy.child, "exit");
    proxy.child.kill("SIGTERM");
    await exit;
  };
  return { proxy, ask, stop };
}

function fileLog(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "tulle-log-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "access.log");
  return {
    path,
    log: (format: JsonObject, filter?: JsonObject): JsonObject => ({
      name: "file",
      ...(filter === undefined ? {} : { filter }),
      typed_config: { "@type": `${TYPE}.file.v3.FileAccessLog`, path, log_format: format },
    }),
    lines: (): readonly string[] =>
      readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== ""),
  };
}

function recordsLog(
  attributes: Readonly<Record<string, string>>,
  more: JsonObject = {},
): JsonObject {
  return {
    name: "records",
    typed_config: {
      "@type": `${TYPE}.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
      common_config: {
        log_name: "otel_envoy_accesslog",
        grpc_service: { envoy_grpc: { cluster_name: "collector" } },
        buffer_flush_interval: "0.05s",
      },
      attributes: {
        values: Object.entries(attributes).map(([key, string_value]) => ({
          key,
          value: { string_value },
        })),
      },
      ...more,
    },
  };
}

const COUNTS =
  "%REQ(:METHOD)% %PATH% %RESPONSE_CODE% %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS%";

test("a line has what a request and its answer were, and no secrets", async (context) => {
  const file = fileLog(context);
  const format = {
    ...{ counts: COUNTS, header: "%RESP(X-ANSWER)%", cookie: "%RESP(SET-COOKIE)%" },
    auth: "%REQ(AUTHORIZATION)%",
    body: "%DYNAMIC_METADATA(tulle.capture:request_body:34:card)%",
    answer: "%DYNAMIC_METADATA(tulle.capture:response_body:100)%",
    durations: ["%REQUEST_DURATION%", "%RESPONSE_DURATION%", "%RESPONSE_TX_DURATION%"],
    missing: "%REQ(X-MISSING)%",
  };
  const { ask, stop } = await start(context, { logs: [file.log({ json_format: format })] });
  const body = '{"card":"4111","a":1,"password":"x"}';
  await ask({
    path: "/pay?token=abc&x=1",
    method: "POST",
    headers: { authorization: "Bearer abc", "content-type": "application/json" },
    body,
  });
  await ask({ headers: { "content-type": "image/png" }, method: "POST", body: "abc" });
  await stop();
  const [line, other] = file.lines().map((text) => JSON.parse(text) as Record<string, unknown>);
  const durations = line?.["durations"] as readonly number[];
  assert.ok(durations.every((ms) => Number.isInteger(ms) && ms >= 0 && ms < 60_000));
  assert.deepEqual(
    { ...line, durations: [] },
    {
      counts: `POST /pay?token=[redacted]&x=1 200 ${body.length} 25 -`,
      header: "yes",
      cookie: "[redacted]",
      auth: "[redacted]",
      body: '{"card":"[redacted]","a":1,"password":"[redacted]"',
      answer: '{"token":"[redacted]","ok":1}',
      durations: [],
      missing: null,
    },
  );
  assert.equal(other?.["body"], null);
  assert.equal(other?.["auth"], null);
});

test("filters decide which requests are written", async (context) => {
  const file = fileLog(context);
  const value = (default_value: number): JsonObject => ({ default_value, runtime_key: "a" });
  const code = (op: string, status: number): JsonObject => ({
    status_code_filter: { comparison: { op, value: value(status) } },
  });
  const header = (exact: string): JsonObject => ({
    header_filter: { header: { name: "x-log", string_match: { exact } } },
  });
  const never = { duration_filter: { comparison: { op: "GE", value: value(3_600_000) } } };
  const filters = [
    { and_filter: { filters: [code("GE", 500), code("LE", 502)] } },
    header("yes"),
    { response_flag_filter: { flags: ["NR", "UH"] } },
    never,
    { runtime_filter: { runtime_key: "tulle.access_log.per_second.1" } },
  ];
  const format = { text_format_source: { inline_string: "%PATH% %RESPONSE_CODE%\n" } };
  const { ask, stop } = await start(context, {
    logs: [file.log(format, { or_filter: { filters } })],
  });
  for (const status of [500, 502, 503]) await ask({ path: `/status/${status}` });
  await ask({ path: "/wanted", headers: { "x-log": "yes" } });
  await ask({ path: "/unwanted", headers: { "x-log": "no" } });
  // Two within one second at most, however the seconds fall: one of them is held back.
  await ask({ path: "/unwanted" });
  await ask({ path: "/unwanted" });
  await stop();
  const lines = file.lines();
  for (const line of ["/status/500 500", "/status/502 502", "/wanted 200"]) {
    assert.ok(lines.includes(line), line);
  }
  const sampled = lines.filter((line) => /503|unwanted/.test(line));
  assert.ok(sampled.length >= 1 && sampled.length <= 3, sampled.join());
});

test("records go to a receiver by OTLP, with the trace of their request", async (context) => {
  const collector = await LogCollector.start(context);
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const attributes = {
    "event.name": "mesh.access",
    path: "%PATH%",
    code: "%RESPONSE_CODE%",
    flags: "%RESPONSE_FLAGS%",
    missing: "%REQ(X-MISSING)%",
    both: "%REQ(:METHOD)% %RESPONSE_CODE%",
  };
  const body = { string_value: "%REQ(:METHOD)% %PATH%" };
  const { ask } = await start(context, {
    collector,
    logs: [recordsLog(attributes, { body })],
    manager: {
      tracing: {
        provider: {
          name: "envoy.tracers.opentelemetry",
          typed_config: {
            "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
            grpc_service: { envoy_grpc: { cluster_name: "collector" } },
          },
        },
      },
    },
  });
  await ask({ path: "/a", headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
  await ask({ path: "/status/503" });
  await collector.until(({ records }) => records.length === 2);
  const [good, bad] = collector.records;
  assert.deepEqual(good?.attributes, { path: "/a", code: 200, both: "GET 200" });
  assert.deepEqual([good?.eventName, good?.body, good?.severity], ["mesh.access", "GET /a", 9]);
  assert.equal(good?.traceId, trace);
  assert.match(good?.spanId ?? "", /^[0-9a-f]{16}$/);
  assert.ok(Math.abs((good?.timeMs ?? 0) - Date.now()) < 60_000);
  assert.deepEqual(good?.resource, {
    "service.name": "cart",
    "service.namespace": "shop",
    "service.instance.id": "cart-1",
    log_name: "otel_envoy_accesslog",
  });
  assert.deepEqual([bad?.severity, bad?.attributes["code"]], [17, 503]);
});

test("a denial is a security event that names policy, rule and condition", async (context) => {
  const collector = await LogCollector.start(context);
  const filters = "type.googleapis.com/envoy.extensions.filters.http";
  const { ask } = await start(context, {
    collector,
    logs: [recordsLog({ "event.name": "mesh.access", path: "%PATH%" })],
    manager: {
      http_filters: [
        {
          name: "envoy.filters.http.rbac",
          typed_config: {
            "@type": `${filters}.rbac.v3.RBAC`,
            rules: {
              action: "DENY",
              policies: {
                "ns[shop]-policy[readers]-rule[2]": {
                  permissions: [{ url_path: { path: { exact: "/admin" } } }],
                  principals: [{ any: true }],
                },
              },
            },
          },
        },
        { name: "router", typed_config: { "@type": `${filters}.router.v3.Router` } },
      ],
    },
  });
  assert.equal(await ask({ path: "/admin" }), 403);
  assert.equal(await ask({ path: "/open" }), 200);
  await collector.until(({ records }) => records.length === 2);
  const [denied, open] = collector.records;
  assert.deepEqual([denied?.eventName, open?.eventName], ["mesh.security", "mesh.access"]);
  const { "mesh.policy.reason": reason, ...rest } = denied?.attributes ?? {};
  assert.deepEqual(rest, {
    path: "/admin",
    "mesh.policy": "shop/readers",
    "mesh.policy.rule": "2",
  });
  assert.match(String(reason), /readers/);
});

test("a receiver that is away costs nothing but records, and those that are held arrive in order", async (context) => {
  const collector = await LogCollector.start(context);
  collector.isDown = true;
  const { ask, proxy } = await start(context, {
    collector,
    logs: [recordsLog({ path: "%PATH%" })],
  });
  for (let i = 0; i < 3; i++) {
    assert.equal(await ask({ path: `/${i}` }), 200);
    await collector.until(({ refused }) => refused > i);
  }
  collector.isDown = false;
  await collector.until(({ records }) => records.length === 3);
  assert.deepEqual(
    collector.records.map(({ attributes }) => attributes["path"]),
    ["/0", "/1", "/2"],
  );
  // The receiver's word is still on its way.
  const counts = await eventually(
    "the last is counted",
    async () => {
      const { body } = await proxy.admin("/metrics");
      return body.split("\n").filter((line) => line.startsWith("tulle_log_records_total"));
    },
    (lines) => lines.some((line) => line.endsWith('{result="exported"} 3')),
  );
  assert.ok(counts.includes('tulle_log_records_total{result="dropped"} 0'), counts.join());
});

test("of what a receiver that stays away does not take the oldest is dropped, and counted", async (context) => {
  const collector = await LogCollector.start(context);
  collector.isDown = true;
  const { ask, proxy } = await start(context, {
    collector,
    logs: [recordsLog({ path: "%PATH%" })],
  });
  const path = (index: number): string => `/${index}/${"x".repeat(LONG_PATH)}`;
  const count = Math.ceil((1.2 * TELEMETRY_HELD_BYTES_MAX) / LONG_PATH);
  for (let index = 0; index < count; index++) await ask({ path: path(index) });
  const counted = async (result: string): Promise<number> => {
    const { body } = await proxy.admin("/metrics");
    const start = `tulle_log_records_total{result="${result}"} `;
    const lines = body.split("\n").filter((line) => line.startsWith(start));
    return lines.reduce((sum, line) => sum + Number(line.slice(start.length)), 0);
  };
  const dropped = await counted("dropped");
  assert.ok(dropped > count / 10 && dropped < count / 2, `${dropped} of ${count}`);
  collector.isDown = false;
  await collector.until(({ records }) => records.length === count - dropped);
  const arrived = collector.records.map(({ attributes }) =>
    Number(String(attributes["path"]).split("/")[1]),
  );
  // The first message was under way all the time; behind it the newest are left.
  assert.equal(arrived[0], 0);
  assert.equal(arrived.at(-1), count - 1);
  assert.deepEqual(
    arrived,
    [...new Set(arrived)].toSorted((one, other) => one - other),
  );
  await eventually(
    "all are counted",
    () => counted("exported"),
    (exported) => exported === count - dropped,
  );
  assert.equal(await counted("dropped"), dropped);
});

test("Proxy-Status tells the client why, behind what proxies nearer to the app have said", async (context) => {
  const file = fileLog(context);
  const route = (name: string, prefix: string, cluster: string): JsonObject => ({
    ...{ name, ...routeTo(cluster, {}, { prefix }) },
  });
  const app = await RawUpstream.start(context, {
    onRequest: ({ reply }) => reply("", ["proxy-status: inner; error=dns_error"], "503 Whatever"),
  });
  const format = { json_format: { status: "%RESP(PROXY-STATUS)%" } };
  const bootstrap = bootstrapOf(
    [
      {
        routes: [route("dead", "/dead", "dead"), route("app", "/app", "app")],
        manager: {
          access_log: [file.log(format)],
          proxy_status_config: { use_node_id: true },
        },
      },
    ],
    [
      { name: "app", endpoints: [app.port] },
      { name: "dead", endpoints: [1] },
    ],
    { node: { id: "cart-1", cluster: "cart" } },
  );
  const proxy = await ProxyProcess.start(context, bootstrap);
  const ask = async (path: string): Promise<string | undefined> => {
    const sent = request({ port: proxy.port("main"), path }).end();
    const [answer] = await once(sent, "response");
    answer.resume();
    return answer.headers["proxy-status"];
  };
  assert.equal(
    await ask("/dead"),
    'cart-1; error=connection_refused; details="upstream_reset_before_response_started{connection_failure}; UF"',
  );
  assert.equal(
    await ask("/none"),
    'cart-1; error=destination_not_found; details="route_not_found; NR"',
  );
  assert.equal(await ask("/app"), "inner; error=dns_error");
});
