/**
 * What is left of what strangers say about themselves, at the edge and behind mutual TLS (T23, T25): through our sidecar's
 * process, and through a real Envoy where that does the same.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  clientKeyPair,
  EDGE_CASES,
  type EdgeCase,
  edgeBootstrap,
  SECURE_CASES,
} from "../support/edge-cases.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

test("the sidecar believes what it has verified", async (context) => {
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyProcess.start(context, edgeBootstrap(app.port));
  await askAll(context, app, (listener) => proxy.port(listener));
});

test("Envoy does the same", { skip: envoy.skip ?? false }, async (context) => {
  assert.ok(envoy.path !== undefined);
  const app = await RawUpstream.echo(context);
  const resources = edgeBootstrap(app.port)["static_resources"] as JsonObject;
  const proxy = await startStaticEnvoy(envoy.path, resources);
  context.after(() => proxy.stop());
  await askAll(
    context,
    app,
    (listener) => proxy.portOf(listener),
    ({ unlikeEnvoy }) => unlikeEnvoy === undefined,
  );
});

async function askAll(
  context: TestContext,
  app: RawUpstream,
  portOf: (listener: string) => number,
  isAsked: (edge: EdgeCase) => boolean = () => true,
): Promise<void> {
  for (const [name, edge] of Object.entries(EDGE_CASES).filter(([, edge]) => isAsked(edge))) {
    const client = await RawClient.connect(portOf(edge.listener));
    await check(app, client, name, edge);
  }
  const own = clientKeyPair();
  for (const [name, edge] of Object.entries(SECURE_CASES)) {
    const client = await RawClient.connectTls(portOf(edge.listener), own);
    await check(app, client, name, edge);
  }
  context.diagnostic(`${app.requests.length} requests reached the app`);
}

async function check(
  app: RawUpstream,
  client: RawClient,
  name: string,
  { host = "public.com", lines = [], gets = {}, status = 200 }: EdgeCase,
): Promise<void> {
  const before = app.requests.length;
  client.send(["GET / HTTP/1.1", `Host: ${host}`, ...lines, "", ""].join("\r\n"));
  const answer = await client.response();
  client.close();
  assert.equal(answer.status, status, name);
  assert.equal(app.requests.length - before, status === 200 ? 1 : 0, name);
  const request = app.requests[before];
  for (const [field, wanted] of Object.entries(gets)) {
    assert.ok(request, name);
    const found = headerOf(request, field);
    if (wanted instanceof RegExp) assert.match(found ?? "", wanted, `${name}: ${field}`);
    else assert.equal(found, wanted, `${name}: ${field}`);
  }
}
