/** Traces of a checkout in a real Jaeger, by OTLP: complete, with the right parents, as its API tells them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { checkoutTrace } from "../support/telemetry-records.ts";
import { goPeer, JAEGER } from "./go-peer.ts";
import { freePort } from "./peer-process.ts";
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

test("a checkout arrives whole in Jaeger, also after an outage", { skip }, async (t) => {
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
  const mesh = await ExportingMesh.start(t);
  await mesh.export("jaeger", {
    otlp: { endpoint: `http://127.0.0.1:${otlp}`, protocol: "Grpc" },
    signals: ["Traces"],
    batch: { delay: "50ms" },
    retry: { initialDelay: "100ms", maxDelay: "1s" },
  });
  const whole = (seed: string): Promise<JaegerTrace> =>
    eventually(async () => {
      const answer = await fetch(`http://127.0.0.1:${query}/api/traces/${seed.repeat(16)}`);
      if (answer.status !== 200) return undefined;
      const { data } = (await answer.json()) as { readonly data: readonly JaegerTrace[] };
      return data[0]?.spans.length === checkoutTrace(seed).length ? data[0] : undefined;
    });
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
