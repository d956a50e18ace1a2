/** Traces of a checkout in a real Jaeger, by OTLP: complete, with the right parents, as its API tells them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { CHECKOUT_SPANS, checkout, shapeOf, startCheckoutMesh } from "../support/checkout-mesh.ts";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { freePort } from "../support/free-port.ts";
import { checkoutTrace } from "../support/telemetry-records.ts";
import { goPeer, JAEGER } from "./go-peer.ts";
import { RestartablePeer } from "./restartable-peer.ts";

const { folder, skip } = await goPeer(JAEGER);

interface JaegerTrace {
  readonly spans: readonly {
    readonly spanID: string;
    readonly processID: string;
    readonly references: readonly { readonly refType: string; readonly spanID: string }[];
    readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  }[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

interface Jaeger {
  readonly peer: RestartablePeer;
  readonly otlp: number;
  /** Undefined until it has so many spans. */
  trace(id: string, count: number): Promise<JaegerTrace | undefined>;
}

async function startJaeger(t: TestContext): Promise<Jaeger> {
  const [query, otlp] = [await freePort(), await freePort()];
  const address = async (port?: number): Promise<string> =>
    `127.0.0.1:${port ?? (await freePort())}`;
  const peer = await RestartablePeer.start(t, {
    program: join(folder, "all-in-one"),
    args: [
      `--query.http-server.host-port=${await address(query)}`,
      `--query.grpc-server.host-port=${await address()}`,
      `--collector.otlp.grpc.host-port=${await address(otlp)}`,
      `--collector.otlp.http.host-port=${await address()}`,
      `--collector.grpc-server.host-port=${await address()}`,
      `--collector.http-server.host-port=${await address()}`,
      `--admin.http.host-port=${await address()}`,
    ],
    readyUrl: `http://127.0.0.1:${query}/api/services`,
  });
  return {
    ...{ peer, otlp },
    trace: async (id, count) => {
      const answer = await fetch(`http://127.0.0.1:${query}/api/traces/${id}`);
      if (answer.status !== 200) return undefined;
      const { data } = (await answer.json()) as { readonly data: readonly JaegerTrace[] };
      return data[0]?.spans.length === count ? data[0] : undefined;
    },
  };
}

test("a checkout of a mesh is one trace in Jaeger: all hops, right parents, the retry", {
  skip,
}, async (t) => {
  const { otlp, trace } = await startJaeger(t);
  const mesh = await startCheckoutMesh("jaeger", {
    otlp: { endpoint: `http://127.0.0.1:${otlp}`, protocol: "Grpc" },
    signals: ["Traces"],
  });
  t.after(() => mesh.remove());
  const id = await checkout(mesh);
  const { spans, processes } = await eventually(() => trace(id, CHECKOUT_SPANS.length));
  const seen = spans.map(({ spanID, processID, references, tags }) => {
    const tag = (name: string) => tags.find(({ key }) => key === name)?.value;
    return {
      ...{ id: spanID, parentId: references[0]?.spanID },
      service: processes[processID]?.serviceName ?? "",
      kind: String(tag("span.kind")),
      status: String(tag("http.response.status_code")),
      isAgain: tag("http.request.resend_count") !== undefined,
    };
  });
  assert.deepEqual(shapeOf(seen), CHECKOUT_SPANS);
});

test("a checkout arrives whole in Jaeger, also after an outage", { skip }, async (t) => {
  const { peer, otlp, trace: traceOf } = await startJaeger(t);
  const mesh = await ExportingMesh.start(t);
  await mesh.export("jaeger", {
    otlp: { endpoint: `http://127.0.0.1:${otlp}`, protocol: "Grpc" },
    signals: ["Traces"],
    batch: { delay: "50ms" },
    retry: { initialDelay: "100ms", maxDelay: "1s" },
  });
  const whole = (seed: string): Promise<JaegerTrace> =>
    eventually(() => traceOf(seed.repeat(16), checkoutTrace(seed).length));
  await mesh.sendSpans(checkoutTrace("1a"));
  const trace = await whole("1a");
  for (const { spanId, parentSpanId, resource, status } of checkoutTrace("1a")) {
    const span = trace.spans.find(({ spanID }) => spanID === spanId);
    assert.ok(span);
    assert.deepEqual(
      span.references.map(({ refType, spanID }) => `${refType} ${spanID}`),
      parentSpanId === "" ? [] : [`CHILD_OF ${parentSpanId}`],
    );
    assert.equal(trace.processes[span.processID]?.serviceName, resource.service);
    assert.equal(
      span.tags.some(({ key }) => key === "error"),
      status === "error",
    );
  }
  await peer.kill();
  await mesh.sendSpans(checkoutTrace("2b"));
  await eventually(async () => ((await mesh.findings()).length > 0 ? true : undefined));
  await peer.restart();
  await whole("2b");
});
