/**
 * Contexts of traces beside a real Envoy with the same tracing: which header fields go on for which that came, and which
 * spans are told of it.
 */
import assert from "node:assert/strict";
import type { JsonObject } from "@bufbuild/protobuf";
import { bothProxies } from "../support/both-proxies.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { SpanCollector } from "../support/span-collector.ts";

const bothDo = bothProxies(await envoyOrSkip());

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const HTTP2 = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};
const PROVIDER: JsonObject = {
  name: "envoy.tracers.opentelemetry",
  typed_config: {
    "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
    grpc_service: { envoy_grpc: { cluster_name: "collector" }, timeout: "5s" },
    service_name: "shop",
  },
};

const STATE = "tracestate: k=v";
const CAME = { isContinued: true, state: "k=v" };

/** What came, the share of traces that are sampled here, and what must go on. */
const CASES: readonly {
  readonly lines: readonly string[];
  readonly percent: number;
  readonly flags: "00" | "01";
  readonly isContinued: boolean;
  readonly state?: string;
}[] = [
  { lines: [], percent: 100, flags: "01", isContinued: false },
  { lines: [], percent: 0, flags: "00", isContinued: false },
  { ...CAME, lines: [`traceparent: 00-${TRACE}-${PARENT}-00`, STATE], percent: 0, flags: "00" },
  { ...CAME, lines: [`traceparent: 00-${TRACE}-${PARENT}-00`, STATE], percent: 100, flags: "00" },
  // At 0 % an Envoy stops here what its caller records (docs/guides/tracing.md).
  { ...CAME, lines: [`traceparent: 00-${TRACE}-${PARENT}-01`, STATE], percent: 100, flags: "01" },
];

bothDo("the context that came goes on, or a new one begins", async (context, start) => {
  const app = await RawUpstream.start(context);
  const collector = await SpanCollector.start(context);
  for (const { lines, percent, flags, isContinued, state } of CASES) {
    const port = await start({
      clusters: [
        { name: "app", endpoints: [app.port] },
        {
          name: "collector",
          endpoints: [collector.port],
          fields: { typed_extension_protocol_options: HTTP2 },
        },
      ],
      routes: [routeTo("app")],
      manager: { tracing: { random_sampling: { value: percent }, provider: PROVIDER } },
    });
    const client = await RawClient.connect(port);
    client.get("/items?secret=1", [...lines, "baggage: b=1"]);
    const request = await app.next();
    const sent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])$/.exec(
      headerOf(request, "traceparent") ?? "",
    );
    const [, trace, span, sentFlags = ""] = sent ?? assert.fail("no context went on");
    const at = `${lines.join(", ")} at ${percent} %`;
    // Ours tells by Level 2's random flag what a new id is made of.
    assert.equal(Number.parseInt(sentFlags, 16) & 1, Number(flags), at);
    assert.equal(trace === TRACE, isContinued, at);
    assert.notEqual(span, PARENT, at);
    // Envoy writes an empty one where there is none.
    assert.equal(headerOf(request, "tracestate") || undefined, state, at);
    assert.equal(headerOf(request, "baggage"), "b=1", at);
    request.reply("ok");
    await client.response();
    client.close();
    if (flags === "00") continue;
    const found = await collector.find(span ?? "");
    assert.equal(found.traceId, trace, at);
    assert.equal(found.parentId, isContinued ? PARENT : "", at);
    assert.equal(found.kind, "CLIENT", at);
    assert.equal(found.resource["service.name"], "shop", at);
  }
});

const share = (numerator: number): JsonObject => ({ numerator });

/** What translation makes of a TelemetryPolicy for a route. */
const traced = (path: string, percent: number): JsonObject => ({
  ...routeTo("app", {}, { path }),
  tracing: {
    client_sampling: share(0),
    random_sampling: share(percent),
    overall_sampling: share(100),
    custom_tags: [{ tag: "shop.route", literal: { value: path } }],
  },
});

bothDo("the sampling of a route goes before that of its listener", async (context, start) => {
  const app = await RawUpstream.start(context);
  const collector = await SpanCollector.start(context);
  for (const percent of [0, 100]) {
    const port = await start({
      clusters: [
        { name: "app", endpoints: [app.port] },
        {
          name: "collector",
          endpoints: [collector.port],
          fields: { typed_extension_protocol_options: HTTP2 },
        },
      ],
      routes: [traced("/all", 100), traced("/none", 0), routeTo("app")],
      manager: {
        tracing: {
          client_sampling: { value: 0 },
          random_sampling: { value: percent },
          provider: PROVIDER,
        },
      },
    });
    const expected = { "/all": 1, "/none": 0, "/other": percent / 100 };
    for (const [path, flag] of Object.entries(expected)) {
      const client = await RawClient.connect(port);
      // Asked for by a client, which is nobody's to be heard here.
      client.get(path, ["x-client-trace-id: 1"]);
      const request = await app.next();
      const sent = headerOf(request, "traceparent") ?? assert.fail("no context went on");
      const [, , span = "", flags = ""] = sent.split("-");
      const at = `${path} at ${percent} %`;
      assert.equal(Number.parseInt(flags, 16) & 1, flag, at);
      request.reply("ok");
      await client.response();
      client.close();
      if (path !== "/all") continue;
      const found = await collector.find(span);
      assert.equal(found.attributes["shop.route"], path, at);
    }
  }
});
