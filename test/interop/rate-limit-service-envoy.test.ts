/** A real Envoy that asks the control plane itself about a policy's limits, over mutual TLS as a sidecar does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { IdentityUpdate } from "../../src/identity/svid.ts";
import {
  callApi,
  StandInSidecar,
  startControlPlane,
  TRUST_DOMAIN,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const CONTROL_PLANE_ID = `spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`;
const POLICY = {
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RateLimitPolicy",
  metadata: { name: "limits", namespace: "default" },
  spec: {
    targetRefs: [{ kind: "Service", name: "catalog" }],
    global: { rules: [{ name: "all", limit: { requests: 2, burst: 2, unit: "Day" } }] },
  },
};

function tlsOf(update: IdentityUpdate): JsonObject {
  return {
    common_tls_context: {
      tls_params: {
        tls_minimum_protocol_version: "TLSv1_3",
        tls_maximum_protocol_version: "TLSv1_3",
      },
      alpn_protocols: ["h2"],
      tls_certificates: [
        {
          certificate_chain: { inline_string: update.certificateChainPem },
          private_key: { inline_string: update.privateKeyPem },
        },
      ],
      validation_context: {
        trusted_ca: { inline_string: update.trustBundlePem },
        match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: CONTROL_PLANE_ID } }],
      },
    },
  };
}

const FILTER: JsonObject = {
  "@type": `${HTTP}.ratelimit.v3.RateLimit`,
  domain: "default/limits",
  timeout: "30s",
  failure_mode_deny: true,
  enable_x_ratelimit_headers: "DRAFT_VERSION_03",
  rate_limit_service: {
    grpc_service: { envoy_grpc: { cluster_name: "rate-limit.control-plane" } },
    transport_api_version: "V3",
  },
};

test("Envoy keeps to what the control plane says", {
  skip: envoy.skip ?? false,
}, async (context) => {
  assert.ok(envoy.path !== undefined);
  const folder = temporaryFolder();
  const controlPlane = await startControlPlane(folder.path);
  const { file } = controlPlane;
  const sidecar = new StandInSidecar({ file, id: "catalog-1", service: "catalog", block: 301 });
  context.after(async () => {
    await sidecar.stop();
    await controlPlane.stop(0);
    folder.remove();
  });
  await sidecar.start();
  const files = [{ name: "policy.yaml", text: JSON.stringify(POLICY) }];
  const applied = await callApi(file, "POST", "/api/v1/apply", { body: { files, dryRun: false } });
  assert.equal(applied.status, 200, JSON.stringify(applied.body));
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) => request.reply("ok"),
  });
  const actions = [{ generic_key: { descriptor_key: "rule", descriptor_value: "all" } }];
  const listener = {
    name: "main",
    routes: [routeTo("app", { rate_limits: [{ actions }] })],
    manager: {
      http_filters: [
        { name: "limits", typed_config: FILTER },
        { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
      ],
    },
  };
  const service = {
    name: "rate-limit.control-plane",
    endpoints: [Number(file.xdsAddress.split(":").at(-1))],
    tls: tlsOf(await sidecar.agent.whenReady()),
    fields: HTTP2_CLUSTER,
  };
  const config = bootstrapOf([listener], [{ name: "app", endpoints: [upstream.port] }, service]);
  const proxy = await startStaticEnvoy(envoy.path, config["static_resources"] as JsonObject);
  context.after(() => proxy.stop());
  const seen: string[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await RawClient.connect(proxy.portOf("main"));
    const answer = await client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n").response();
    seen.push(`${answer.status} ${headerOf(answer, "x-ratelimit-remaining")}`);
    client.close();
  }
  assert.deepEqual(seen, ["200 1", "200 0", "429 0"]);
});
