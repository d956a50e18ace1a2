/** External authorization of TCP connections, through our sidecar's process and through a real Envoy. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  ALLOWED,
  type AuthorizationService,
  DENIED,
  type Decide,
  startAuthorizationService,
} from "../support/authorization-service.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { TYPE } from "../support/sample-parts.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";
import { echo, tcpBootstrap, tcpFilter, tcpServer } from "../support/tcp-fixture.ts";

const envoy = await envoyOrSkip();
const NETWORK = `${TYPE}.extensions.filters.network`;

type Start = (bootstrap: JsonObject) => Promise<number>;
type Check = (context: TestContext, start: Start) => Promise<void>;

function onBoth(what: string, check: Check): void {
  test(`sidecar: ${what}`, (context) =>
    check(context, async (bootstrap) => {
      const proxy = await ProxyProcess.start(context, bootstrap);
      return proxy.port("main");
    }));
  test(`Envoy: ${what}`, { skip: envoy.skip ?? false }, (context) =>
    check(context, async (bootstrap) => {
      assert.ok(envoy.path !== undefined);
      const proxy = await startStaticEnvoy(envoy.path, bootstrap["static_resources"] as JsonObject);
      context.after(() => proxy.stop());
      return proxy.portOf("main");
    }),
  );
}

interface Fixture {
  readonly port: number;
  readonly service: AuthorizationService;
}

async function startFixture(
  context: TestContext,
  start: Start,
  decide: Decide,
  fields: JsonObject = {},
  before: readonly JsonObject[] = [],
): Promise<Fixture> {
  const app = await tcpServer(context, echo);
  const service = await startAuthorizationService(context, decide);
  const check = {
    name: "authz",
    typed_config: {
      "@type": `${NETWORK}.ext_authz.v3.ExtAuthz`,
      stat_prefix: "opa",
      transport_api_version: "V3",
      grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "10s" },
      ...fields,
    },
  };
  const filters = [...before, check, tcpFilter("app")];
  const port = await start(
    tcpBootstrap({ filter_chains: [{ filters }] }, [
      { name: "app", endpoints: [app.port] },
      { name: "authz", endpoints: [service.port], fields: HTTP2_CLUSTER },
    ]),
  );
  return { port, service };
}

/** What comes back of a word, or "" when the connection is closed before. */
async function said(port: number): Promise<string> {
  const client = await RawClient.connect(port);
  try {
    return await client.send("hello").text(/hello/);
  } catch {
    return "";
  } finally {
    client.close();
  }
}

onBoth("the service is told who connects, and decides", async (context, start) => {
  const allowed = await startFixture(context, start, () => ALLOWED);
  assert.equal(await said(allowed.port), "hello");
  const source = allowed.service.asked[0]?.attributes?.source?.address?.address;
  assert.equal(source?.case === "socketAddress" && source.value.address, "127.0.0.1");
  const denied = await startFixture(context, start, () => DENIED);
  assert.equal(await said(denied.port), "");
  assert.equal(denied.service.asked.length, 1);
});

onBoth("without an answer the connection is closed, or served", async (context, start) => {
  const grpc_service = { envoy_grpc: { cluster_name: "authz" }, timeout: "0.05s" };
  const closed = await startFixture(context, start, () => undefined, { grpc_service });
  assert.equal(await said(closed.port), "");
  const open = await startFixture(context, start, () => undefined, {
    ...{ grpc_service, failure_mode_allow: true },
  });
  assert.equal(await said(open.port), "hello");
});

onBoth("only connections that shadow rules have found are asked about", async (context, start) => {
  const rbac = (permission: JsonObject): JsonObject => ({
    name: "rbac",
    typed_config: {
      "@type": `${NETWORK}.rbac.v3.RBAC`,
      stat_prefix: "tcp",
      shadow_rules: {
        action: "LOG",
        policies: { found: { permissions: [permission], principals: [{ any: true }] } },
      },
      shadow_rules_stat_prefix: "custom_opa_",
    },
  });
  const fields = {
    filter_enabled_metadata: {
      filter: "envoy.filters.network.rbac",
      path: [{ key: "custom_opa_shadow_effective_policy_id" }],
      value: { present_match: true },
    },
  };
  const found = await startFixture(context, start, () => DENIED, fields, [rbac({ any: true })]);
  assert.equal(await said(found.port), "");
  const passed = await startFixture(context, start, () => DENIED, fields, [
    rbac({ destination_port: 1 }),
  ]);
  assert.equal(await said(passed.port), "hello");
  assert.equal(passed.service.asked.length, 0);
});
