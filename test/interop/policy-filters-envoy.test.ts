/** What policies are made of in xDS, through our sidecar's process and through a real Envoy: limits that take time, and identities. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createTlsServer, request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { alternativeNamesDer } from "../../src/identity/certificate-writer.ts";
import { ask } from "../support/balancing-pair.ts";
import { bothProxies } from "../support/both-proxies.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { idleTimeout, routeTo } from "../support/proxy-bootstrap.ts";
import {
  containedTls,
  idFor,
  type KeyPair,
  keyPair,
  pemOf,
  rootOf,
} from "../support/proxy-identities.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { TYPE } from "../support/sample-parts.ts";

const onBoth = bothProxies(await envoyOrSkip());
const HTTP = `${TYPE}.extensions.filters.http`;
const KIBIBYTE = 1024;

function managerWith(filter: JsonObject): JsonObject {
  const router = { "@type": `${HTTP}.router.v3.Router` };
  return {
    http_filters: [
      { name: "limits", typed_config: filter },
      { name: "router", typed_config: router },
    ],
  };
}

onBoth("answers share so many bytes a second, and arrive whole", async (context, start) => {
  const body = "x".repeat(100 * KIBIBYTE);
  const app = await RawUpstream.start(context, { onRequest: (asked) => asked.reply(body) });
  const filter = {
    "@type": `${HTTP}.bandwidth_limit.v3.BandwidthLimit`,
    ...{ stat_prefix: "limits", enable_mode: "RESPONSE", limit_kbps: 200 },
  };
  const port = await start({
    clusters: [{ name: "app", endpoints: [app.port] }],
    routes: [routeTo("app")],
    manager: managerWith(filter),
  });
  const beganMs = performance.now();
  const answers = await Promise.all([1, 2, 3].map(() => ask({ port }, "/")));
  for (const answer of answers) assert.equal(answer.body.length, body.length);
  // 300 KiB, of which a second's worth at most leaves at once: a bucket is full in the beginning.
  assert.ok(performance.now() - beganMs > 400);
});

onBoth("requests share so many bytes a second, and arrive whole", async (context, start) => {
  const sizes: number[] = [];
  const app = await RawUpstream.start(context, {
    onRequest: (asked) => {
      sizes.push(asked.body.length);
      asked.reply();
    },
  });
  const filter = {
    "@type": `${HTTP}.bandwidth_limit.v3.BandwidthLimit`,
    ...{ stat_prefix: "limits", enable_mode: "REQUEST", limit_kbps: 200 },
  };
  const port = await start({
    clusters: [{ name: "app", endpoints: [app.port] }],
    routes: [routeTo("app")],
    manager: managerWith(filter),
  });
  const body = "x".repeat(100 * KIBIBYTE);
  const beganMs = performance.now();
  const post = async (): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body })).status;
  assert.deepEqual(await Promise.all([post(), post(), post()]), [200, 200, 200]);
  assert.deepEqual(sizes, [body.length, body.length, body.length]);
  assert.ok(performance.now() - beganMs > 400);
});

onBoth("a connection that carries nothing is closed", async (context, start) => {
  const app = await RawUpstream.echo(context);
  const port = await start({
    clusters: [
      {
        name: "app",
        endpoints: [app.port],
        fields: { typed_extension_protocol_options: idleTimeout("0.2s") },
      },
    ],
    routes: [routeTo("app")],
  });
  assert.equal((await ask({ port }, "/")).status, 200);
  await app.until(() => app.openCount === 0);
});

onBoth(
  "a rate limit service that does not answer is waited for so long",
  async (context, start) => {
    const app = await RawUpstream.echo(context);
    const silent = createServer((socket) => void socket.on("error", () => {}));
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    context.after(() => silent.close());
    const http2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    const filter = {
      "@type": `${HTTP}.ratelimit.v3.RateLimit`,
      ...{ domain: "shop", timeout: "0.4s", failure_mode_deny: true },
      rate_limit_service: {
        transport_api_version: "V3",
        grpc_service: { envoy_grpc: { cluster_name: "limits" } },
      },
    };
    const rate_limits = [{ actions: [{ generic_key: { descriptor_value: "all" } }] }];
    const port = await start({
      clusters: [
        { name: "app", endpoints: [app.port] },
        {
          name: "limits",
          endpoints: [(silent.address() as AddressInfo).port],
          fields: {
            typed_extension_protocol_options: {
              [http2]: {
                "@type": `type.googleapis.com/${http2}`,
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
          },
        },
      ],
      routes: [routeTo("app", { rate_limits, timeout: "30s" })],
      manager: managerWith(filter),
    });
    const beganMs = performance.now();
    assert.equal((await ask({ port }, "/")).status, 500);
    assert.ok(performance.now() - beganMs > 390);
  },
);

onBoth(
  "a host outside is believed by its name and its root, or not at all",
  async (context, start) => {
    const [root, other] = [rootOf(), rootOf("other")];
    const parts = {
      alternativeNames: alternativeNamesDer({ uris: [], dnsNames: ["app.example"] }, true),
    };
    const server = createTlsServer(keyPair(root, [], parts), ({ url }, response) =>
      response.end(url),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => server.closeAllConnections());
    context.after(() => server.close());
    const endpoints = [(server.address() as AddressInfo).port];
    const tls = (name: string, trusted: string): JsonObject => ({
      sni: name,
      common_tls_context: {
        validation_context: {
          trusted_ca: { inline_string: trusted },
          match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: name } }],
        },
      },
    });
    const port = await start({
      clusters: [
        { name: "app", endpoints, tls: tls("app.example", pemOf(root)) },
        { name: "impostor", endpoints, tls: tls("bank.example", pemOf(root)) },
        { name: "unknown", endpoints, tls: tls("app.example", pemOf(other)) },
      ],
      routes: [
        routeTo("impostor", {}, { prefix: "/impostor" }),
        routeTo("unknown", {}, { prefix: "/unknown" }),
        routeTo("app"),
      ],
    });
    assert.deepEqual((await ask({ port }, "/a")).body, "/a");
    assert.equal((await ask({ port }, "/impostor")).status, 503);
    assert.equal((await ask({ port }, "/unknown")).status, 503);
  },
);

onBoth("callers are told apart by their certificates", async (context, start) => {
  const app = await RawUpstream.echo(context);
  const root = rootOf();
  const always = { default_value: { numerator: 100 } };
  const bucket = (max_tokens: number): JsonObject => ({
    ...{ max_tokens, tokens_per_fill: 1, fill_interval: "3600s" },
  });
  const caller = {
    "@type": `${TYPE}.extensions.matching.common_inputs.ssl.v3.UriSanInput`,
  };
  const descriptor = (value: string, tokens: number): JsonObject => ({
    entries: [{ key: "caller", value }],
    token_bucket: bucket(tokens),
  });
  const filter = {
    "@type": `${HTTP}.local_ratelimit.v3.LocalRateLimit`,
    ...{ stat_prefix: "limits", filter_enabled: always, filter_enforced: always },
    ...{ token_bucket: bucket(1000), always_consume_default_token_bucket: false },
    descriptors: [descriptor(idFor("gold"), 2), descriptor("", 1)],
    rate_limits: [{ actions: [{ extension: { name: "caller", typed_config: caller } }] }],
  };
  const port = await start({
    clusters: [{ name: "app", endpoints: [app.port] }],
    routes: [routeTo("app")],
    manager: managerWith(filter),
    tls: containedTls(keyPair(root, [idFor("app")]), [root]),
  });
  const statuses = async (account: string): Promise<readonly number[]> => {
    const own = keyPair(root, [idFor(account)]);
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) seen.push(await statusOf(context, port, own));
    return seen;
  };
  assert.deepEqual(await statuses("gold"), [200, 200, 429]);
  assert.deepEqual(await statuses("ann"), [200, 429, 429]);
  assert.deepEqual(await statuses("bob"), [200, 429, 429]);
});

/** Three apps of which the last has bad answers, as `status` says for each of its requests. */
async function threeApps(context: TestContext, status: (target: string) => string) {
  const servers = await Promise.all(
    [0, 1, 2].map((index) =>
      RawUpstream.start(context, {
        onRequest: (asked) =>
          asked.reply(String(index), [], index === 2 ? status(asked.target) : "200 OK"),
      }),
    ),
  );
  return servers.map((server) => server.port);
}

/** Waits until three rounds of requests are answered by these, and by them alone. */
async function servedBy(port: number, wanted: string): Promise<void> {
  let seen = "";
  while (seen !== wanted) {
    const bodies = new Set<string>();
    for (let i = 0; i < 9; i++) bodies.add((await ask({ port }, "/")).body);
    seen = [...bodies].sort().join();
  }
}

onBoth("an endpoint is out whose success rate lies below the others'", async (context, start) => {
  let count = 0;
  const endpoints = await threeApps(context, () => {
    count += 1;
    return count % 2 === 0 ? "500 Broken" : "200 OK";
  });
  const outlier_detection = {
    ...{ interval: "0.3s", base_ejection_time: "60s", max_ejection_percent: 50 },
    ...{ enforcing_consecutive_5xx: 0, enforcing_success_rate: 100 },
    ...{ success_rate_minimum_hosts: 3, success_rate_request_volume: 3 },
    success_rate_stdev_factor: 1000,
  };
  const port = await start({
    clusters: [{ name: "app", endpoints, fields: { outlier_detection } }],
    routes: [routeTo("app")],
  });
  await servedBy(port, "0,1");
});

onBoth("while too few endpoints are healthy all are asked", async (context, start) => {
  const endpoints = await threeApps(context, (target) =>
    target === "/health" ? "503 Sick" : "200 OK",
  );
  const check = {
    ...{ timeout: "5s", interval: "0.1s", no_traffic_interval: "0.1s" },
    ...{ unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: "/health" } },
  };
  for (const [value, wanted] of [
    [0, "0,1"],
    [100, "0,1,2"],
  ] as const) {
    const fields = {
      health_checks: [check],
      common_lb_config: { healthy_panic_threshold: { value } },
    };
    const port = await start({
      clusters: [{ name: "app", endpoints, fields }],
      routes: [routeTo("app")],
    });
    await servedBy(port, wanted);
  }
});

/** Of a request by a client with this certificate. */
async function statusOf(context: TestContext, port: number, own: KeyPair): Promise<number> {
  const outgoing = request({
    ...{ host: "127.0.0.1", port, cert: own.cert, key: own.key, agent: false },
    // Whom it speaks to is of no interest here.
    rejectUnauthorized: false,
  });
  context.after(() => outgoing.destroy());
  outgoing.end();
  const [response] = await once(outgoing, "response");
  response.resume();
  return response.statusCode;
}
