/** A request through apps and their sidecars is one whole trace in a real Zipkin: right parents, all hops, the retry beside the first try. */
import assert from "node:assert/strict";
import test from "node:test";
import { startZipkin, zipkinJar, zipkinTrace } from "../../peers/zipkin-server.ts";
import {
  CHECKOUT_SPANS,
  checkout,
  shapeOf,
  startCheckoutMesh,
} from "../../support/checkout-mesh.ts";
import { eventually } from "../../support/exporting-mesh.ts";
import { freePort } from "../../support/free-port.ts";

const { jar, skip } = await zipkinJar();

test("a trace of a mesh in Zipkin", { skip }, async (t) => {
  const port = await freePort();
  const [, mesh] = await Promise.all([
    startZipkin(t, jar, port),
    startCheckoutMesh("zipkin", { zipkin: { endpoint: `http://127.0.0.1:${port}/api/v2/spans` } }),
  ]);
  t.after(() => mesh.remove());
  const id = await checkout(mesh);
  const spans = await eventually(() => zipkinTrace(port, id, CHECKOUT_SPANS.length));
  const seen = spans.map(({ id: spanId, parentId, kind, localEndpoint, tags }) => ({
    ...{ id: spanId, parentId, kind: kind ?? "", service: localEndpoint.serviceName ?? "" },
    status: tags["http.response.status_code"] ?? "",
    isAgain: tags["http.request.resend_count"] !== undefined,
  }));
  assert.deepEqual(shapeOf(seen), CHECKOUT_SPANS);
});
