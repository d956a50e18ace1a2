/**
 * What is left of what strangers say about themselves, at the edge and behind mutual TLS (T23, T25): through our sidecar's
 * process, and through a real Envoy where that does the same. Every pair of versions of HTTP.
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
import {
  askByHttp1,
  askByHttp2,
  type FieldApp,
  type FieldQuestion,
  http1FieldApp,
  http2FieldApp,
} from "../support/edge-peers.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

for (const upstream of [1, 2] as const) {
  const startApp = upstream === 1 ? http1FieldApp : http2FieldApp;
  test(`the sidecar believes what it has verified, to HTTP/${upstream}`, async (context) => {
    const app = await startApp(context);
    const proxy = await ProxyProcess.start(context, edgeBootstrap(app.port, upstream));
    await askAll(app, (listener) => proxy.port(listener));
  });

  test(`Envoy does the same, to HTTP/${upstream}`, {
    skip: envoy.skip ?? false,
  }, async (context) => {
    assert.ok(envoy.path !== undefined);
    const app = await startApp(context);
    const port = await startEnvoy(context, envoy.path, edgeBootstrap(app.port, upstream));
    await askAll(app, port, ({ unlikeEnvoy }) => unlikeEnvoy === undefined);
  });
}

async function startEnvoy(
  context: TestContext,
  path: string,
  bootstrap: JsonObject,
): Promise<(listener: string) => number> {
  const proxy = await startStaticEnvoy(path, bootstrap["static_resources"] as JsonObject);
  context.after(() => proxy.stop());
  return (listener) => proxy.portOf(listener);
}

async function askAll(
  app: FieldApp,
  portOf: (listener: string) => number,
  isAsked: (edge: EdgeCase) => boolean = () => true,
): Promise<void> {
  for (const [name, edge] of Object.entries(EDGE_CASES).filter(([, edge]) => isAsked(edge))) {
    const port = portOf(edge.listener);
    const question = questionOf(edge);
    await check(app, `${name}, by HTTP/1.1`, edge, async () =>
      askByHttp1(await RawClient.connect(port), question),
    );
    // RFC 9113 section 8.2.2: there is no Connection to name fields.
    if (edge.lines?.some((line) => line.startsWith("connection:"))) continue;
    await check(app, `${name}, by HTTP/2`, edge, () => askByHttp2(port, question));
  }
  const own = clientKeyPair();
  for (const [name, edge] of Object.entries(SECURE_CASES)) {
    const port = portOf(edge.listener);
    await check(app, name, edge, async () =>
      askByHttp1(await RawClient.connectTls(port, own), questionOf(edge)),
    );
  }
}

function questionOf({ host = "public.com", lines = [] }: EdgeCase): FieldQuestion {
  return { host, lines };
}

async function check(
  app: FieldApp,
  name: string,
  { gets = {}, status = 200 }: EdgeCase,
  ask: () => Promise<number>,
): Promise<void> {
  const before = app.requests.length;
  const got = await ask();
  // Envoy resets streams of HTTP/2 where it answers 400 to HTTP/1.1.
  assert.ok(got === status || (status === 400 && got === 0), `${name}: ${got}`);
  assert.equal(app.requests.length - before, status === 200 ? 1 : 0, name);
  const request = app.requests[before];
  for (const [field, wanted] of Object.entries(gets)) {
    const found = request?.[field];
    if (wanted instanceof RegExp) assert.match(found ?? "", wanted, `${name}: ${field}`);
    else assert.equal(found, wanted, `${name}: ${field}`);
  }
}
