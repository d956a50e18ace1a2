/** The admin port of a real sidecar process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

test("the pages of the admin port", async (context) => {
  const app = await RawUpstream.echo(context);
  const root = rootOf();
  const tls = containedTls(keyPair(root, [idFor("web")]), [root]);
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [
        { name: "main", routes: "app" },
        { name: "secure", routes: "app", tls },
      ],
      [{ name: "app", endpoints: [app.port] }],
    ),
  );
  const client = await RawClient.connect(proxy.port("main"));
  await client.get().response();
  client.close();

  await context.test("/ready", async () => {
    assert.deepEqual(await proxy.admin("/ready"), { status: 200, body: "LIVE\n" });
  });
  await context.test("/config_dump has the file without its keys", async () => {
    const { body } = await proxy.admin("/config_dump?include_eds");
    assert.doesNotMatch(body, /PRIVATE KEY/);
    const types = JSON.parse(body).configs.map((one: { "@type": string }) =>
      one["@type"].slice(one["@type"].lastIndexOf(".") + 1),
    );
    assert.deepEqual(types, [
      "BootstrapConfigDump",
      "ClustersConfigDump",
      "ListenersConfigDump",
      "RoutesConfigDump",
      "SecretsConfigDump",
      "EndpointsConfigDump",
    ]);
    assert.match(body, /\[redacted\]/);
  });
  await context.test("/clusters as text and JSON", async () => {
    const { body } = await proxy.admin("/clusters");
    const key = `app::127.0.0.1:${app.port}`;
    for (const line of ["cx_active::1", "rq_total::1", "health_flags::healthy"]) {
      assert.ok(body.includes(`${key}::${line}\n`), line);
    }
    const json = JSON.parse((await proxy.admin("/clusters?format=json")).body);
    assert.equal(json.cluster_statuses[0].name, "app");
    assert.equal(
      json.cluster_statuses[0].host_statuses[0].address.socket_address.port_value,
      app.port,
    );
  });
  await context.test("/listeners as text and JSON", async () => {
    const { body } = await proxy.admin("/listeners");
    assert.ok(body.includes(`main::127.0.0.1:${proxy.port("main")}\n`));
    const json = JSON.parse((await proxy.admin("/listeners?format=json")).body);
    assert.equal(json.listener_statuses.length, 2);
  });
  await context.test("/metrics", async () => {
    const { body } = await proxy.admin("/metrics");
    for (const family of [
      "istio_requests_total counter",
      "istio_request_duration_milliseconds histogram",
      "tulle_downstream_connections_total counter",
      "tulle_connection_faults_total counter",
      "tulle_mirrored_requests_total counter",
      "process_resident_memory_bytes gauge",
    ]) {
      assert.ok(body.includes(`# TYPE ${family}\n`), family);
    }
    assert.equal((await proxy.admin("/stats/prometheus")).status, 200);
  });
  await context.test("/logging changes the level", async () => {
    assert.equal((await proxy.admin("/logging", "POST")).body, "active level: info\n");
    assert.equal((await proxy.admin("/logging?level=debug", "POST")).body, "active level: debug\n");
    assert.equal((await proxy.admin("/logging?level=loud", "POST")).status, 400);
    assert.equal((await proxy.admin("/logging", "POST")).body, "active level: debug\n");
  });
  await context.test(
    "pages that change something ask for POST, and not from a web page",
    async () => {
      for (const path of ["/logging?level=error", "/drain_listeners", "/quitquitquit"]) {
        assert.equal((await proxy.admin(path)).status, 405, path);
        const origin = { origin: "http://evil.example" };
        assert.equal((await proxy.admin(path, "POST", origin)).status, 403, path);
      }
      assert.equal((await proxy.admin("/ready")).body, "LIVE\n");
      assert.equal((await proxy.admin("/logging", "POST")).body, "active level: debug\n");
    },
  );
  await context.test("other paths list the pages", async () => {
    const { status, body } = await proxy.admin("/nothing");
    assert.equal(status, 404);
    assert.match(body, /\/config_dump/);
    assert.match(body, /\/quitquitquit +\(POST\)/);
  });
});
