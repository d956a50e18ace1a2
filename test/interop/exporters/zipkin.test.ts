/** Traces in a real Zipkin: complete, with the right parents and retries; nothing is lost while it, or the control plane, is away. */
import assert from "node:assert/strict";
import test from "node:test";
import type { ZipkinSpan } from "../../../src/control-plane/telemetry/export/zipkin/zipkin-span.ts";
import { askZipkin, startZipkin, zipkinJar, zipkinTrace } from "../../peers/zipkin-server.ts";
import { ExportingMesh, eventually } from "../../support/exporting-mesh.ts";
import { freePort } from "../../support/free-port.ts";
import { checkoutTrace } from "../../support/telemetry-records.ts";

const { jar, skip } = await zipkinJar();

const SPANS = 7;
const TRACES = 30;

const wholeTrace = (port: number, id: string): Promise<readonly ZipkinSpan[]> =>
  eventually(() => zipkinTrace(port, id, SPANS));

test("a checkout arrives whole in Zipkin, and an outage loses nothing", { skip }, async (t) => {
  const port = await freePort();
  const [zipkin, mesh] = await Promise.all([startZipkin(t, jar, port), ExportingMesh.start(t)]);
  await mesh.export("zipkin", {
    zipkin: { endpoint: `http://127.0.0.1:${port}/api/v2/spans` },
    batch: { delay: "10ms" },
    buffer: { diskBytes: 4 * 1024 * 1024 },
    retry: { initialDelay: "100ms", maxDelay: "1s" },
  });
  await t.test("with parents, kinds, retries and errors", async () => {
    const trace = checkoutTrace("1a");
    await mesh.sendSpans(trace);
    const spans = await wholeTrace(port, "1a".repeat(16));
    for (const sent of trace) {
      const got = spans.find(({ id }) => id === sent.spanId);
      assert.equal(got?.parentId ?? "", sent.parentSpanId);
      assert.equal(got?.kind, sent.kind.toUpperCase());
      assert.equal(got.localEndpoint.serviceName, sent.resource.service);
      assert.equal(got.tags["error"] !== undefined, sent.status === "error");
    }
    const tries = spans.filter(({ kind, remoteEndpoint }) => {
      return kind === "CLIENT" && remoteEndpoint?.serviceName === "payment";
    });
    assert.deepEqual(tries.map(({ tags }) => tags["http.request.resend_count"]).sort(), [
      "1",
      undefined,
    ]);
    const now = Date.now();
    const links = await askZipkin<readonly object[]>(
      port,
      `dependencies?endTs=${now + 60_000}&lookback=3600000`,
    );
    assert.deepEqual(
      new Set(links?.map((link) => JSON.stringify(link))),
      new Set([
        JSON.stringify({ parent: "storefront", child: "checkout", callCount: 1 }),
        JSON.stringify({ parent: "checkout", child: "payment", callCount: 2, errorCount: 1 }),
      ]),
    );
  });
  await t.test("while Zipkin is away, and the control plane is killed meanwhile", async () => {
    const seeds = Array.from({ length: TRACES }, (_, index) => (0x20 + index).toString(16));
    await zipkin.kill();
    for (const seed of seeds.slice(0, 20)) await mesh.sendSpans(checkoutTrace(seed));
    const finding = await eventually(async () => (await mesh.findings())[0]);
    assert.equal(finding.code, "export-failing");
    await mesh.kill();
    await mesh.startControlPlane();
    const waiting = await eventually(async () => {
      const count = await mesh.metric("tulle_export_buffer_records", { exporter: "zipkin" });
      return count > 0 ? count : undefined;
    });
    assert.equal(waiting, 20 * SPANS);
    for (const seed of seeds.slice(20)) await mesh.sendSpans(checkoutTrace(seed));
    await zipkin.restart();
    for (const seed of seeds) await wholeTrace(port, seed.repeat(16));
    const dropped = await mesh.metric("tulle_export_dropped_records_total", { exporter: "zipkin" });
    assert.equal(dropped, 0);
    await eventually(async () => ((await mesh.findings()).length === 0 ? true : undefined));
  });
});
