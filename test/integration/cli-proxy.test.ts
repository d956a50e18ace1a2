/** `tulle proxy …` finds a proxy's admin server through the control plane and speaks Envoy's admin interface. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { SIDECAR_OPTIONS } from "../../src/cli/commands/sidecar-command.ts";
import { parseSidecarOptions } from "../../src/proxy/sidecar-options.ts";
import { SYNCED } from "../support/admin-answers.ts";
import { CliFixture } from "../support/cli-fixture.ts";

const DUMP = {
  configs: [
    {
      "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
      dynamic_active_clusters: [
        { version_info: "7", cluster: { name: "outbound|80||cart", type: "EDS" } },
      ],
    },
  ],
};

describe("tulle proxy", () => {
  let cli: CliFixture;

  beforeEach(async () => {
    cli = await CliFixture.open();
    const proxy = { ...SYNCED, adminAddress: cli.tcpAddress };
    cli.answer(`GET /api/v1/proxies/${SYNCED.id}`, proxy);
    cli.answer("GET /api/v1/proxies", { revision: 1, proxies: [proxy] });
    cli.answer("GET /config_dump", DUMP);
    cli.answer("GET /clusters", { cluster_statuses: [] });
  });

  afterEach(() => cli.close());

  test("config prints a table per section, one section, or the proxy's own JSON", async () => {
    const one = await cli.run(["proxy", "config", SYNCED.id, "cluster"]);
    assert.equal(one.code, 0, one.stderr);
    assert.equal(
      one.stdout,
      "NAME               TYPE  LOAD BALANCER  TLS  VERSION\noutbound|80||cart  EDS   round_robin    -          7\n",
    );
    const all = await cli.run(["proxy", "config", SYNCED.id]);
    assert.match(all.stdout, /^listeners\nnone\n\nclusters\nNAME .*\n\nroutes\nnone\n/s);
    const json = await cli.run(["proxy", "config", SYNCED.id, "clusters", "-o", "json"]);
    assert.deepEqual(JSON.parse(json.stdout), DUMP.configs[0]);
    assert.ok(cli.asked.includes("GET /config_dump?include_eds"));
    const wrong = await cli.run(["proxy", "config", SYNCED.id, "cluters"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /unknown section "cluters" \(did you mean "clusters"\?\)/);
  });

  test("log-level posts the level, and shows it", async () => {
    cli.answer("POST /logging", "active loggers:\n  all: debug\n");
    const changed = await cli.run(["proxy", "log-level", SYNCED.id, "warn"]);
    assert.deepEqual(changed, { code: 0, stdout: "log level warn\n", stderr: "" });
    assert.ok(cli.asked.includes("POST /logging?level=warn"));
    cli.answer(`GET /api/v1/proxies/${SYNCED.id}`, {
      ...SYNCED,
      adminAddress: cli.tcpAddress,
      userAgent: "envoy/1.35.0",
    });
    await cli.run(["proxy", "log-level", SYNCED.id, "warn"]);
    assert.ok(cli.asked.includes("POST /logging?level=warning"), "Envoy's own word");
    const shown = await cli.run(["proxy", "log-level", SYNCED.id]);
    assert.equal(shown.stdout, "active loggers:\n  all: debug\n");
    const wrong = await cli.run(["proxy", "log-level", SYNCED.id, "debgu"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /unknown log level "debgu" \(did you mean "debug"\?\)/);
  });

  test("a name that is no proxy is explained", async () => {
    const service = await cli.run(["proxy", "config", "catalog"]);
    assert.equal(service.code, 1);
    assert.match(
      service.stderr,
      /"catalog" is a service, not a proxy\nhint: its proxies are catalog-v1-aaaaa\n/,
    );
    const typo = await cli.run(["proxy", "config", "catalog-v1-aaaab"]);
    assert.match(typo.stderr, /no proxy "catalog-v1-aaaab" \(did you mean "catalog-v1-aaaaa"\?\)/);
  });

  test("an admin server that is away is exit code 3; one that refuses says why", async () => {
    cli.answer("GET /config_dump", "busy\n", 503);
    const refused = await cli.run(["proxy", "config", SYNCED.id]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /answered \/config_dump\?include_eds with status 503: busy/);
    // Port 1 (tcpmux) has no listener.
    cli.answer(`GET /api/v1/proxies/${SYNCED.id}`, { ...SYNCED, adminAddress: "127.0.0.1:1" });
    const away = await cli.run(["proxy", "config", SYNCED.id]);
    assert.equal(away.code, 3);
    assert.match(away.stderr, /admin server at 127\.0\.0\.1:1 cannot be reached.*\nhint: /);
    cli.answer(`GET /api/v1/proxies/${SYNCED.id}`, { ...SYNCED, adminAddress: null });
    assert.match(
      (await cli.run(["proxy", "config", SYNCED.id])).stderr,
      /does not know the admin address/,
    );
  });

  test("check asks each proxy whether it is ready", async () => {
    cli.answer("GET /api/v1/version", { mesh: "default", pid: 1, version: "0.1.0" });
    cli.answer("GET /api/v1/checks", { ok: true, revision: 1, checks: [] });
    cli.answer("GET /ready", "LIVE\n");
    const ready = await cli.run(["check"]);
    assert.equal(ready.code, 0, ready.stdout);
    assert.match(ready.stdout, /√ every connected proxy says that it is ready\n/);
    cli.answer("GET /ready", "DRAINING\n", 503);
    const draining = await cli.run(["check"]);
    assert.equal(draining.code, 1);
    assert.match(
      draining.stdout,
      /× every connected proxy.*\n {4}error: catalog-v1-aaaaa: .*503: DRAINING\n/,
    );
  });
});

test("help of tulle sidecar lists the flags that the sidecar reads", () => {
  const words = SIDECAR_OPTIONS.flatMap(({ name, choices }) => [
    `--${name}`,
    choices?.[0] ?? (name === "workers" ? "auto" : "x"),
  ]);
  const options = parseSidecarOptions(words);
  assert.ok(Object.values(options).every((value) => value !== undefined));
  assert.equal(Object.keys(options).length, SIDECAR_OPTIONS.length);
});
