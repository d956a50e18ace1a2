/** The app's own metrics on its sidecar's page: in either format, when it is slow, gone, or lies. */
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { APP_METRICS_BYTES_MAX } from "../../src/core/limits.ts";
import { parsePrometheus } from "../support/prometheus-parser.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";

const OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

interface SetUp {
  readonly proxy: ProxyProcess;
  readonly answerWith: (listener: RequestListener) => void;
}

async function setUp(context: TestContext): Promise<SetUp> {
  let listener: RequestListener = (_, response) => response.end();
  const app = createServer((request, response) => listener(request, response));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  context.after(() => app.close());
  const { port } = app.address() as AddressInfo;
  const metadata = { APP_METRICS: `127.0.0.1:${port}/own/metrics` };
  const bootstrap = bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [port] }], {
    node: { id: "cart-1", cluster: "cart", metadata },
  });
  const proxy = await ProxyProcess.start(context, bootstrap);
  return {
    proxy,
    answerWith: (next) => {
      listener = next;
    },
  };
}

test("both are on one page, and the app says nothing for its sidecar", async (context) => {
  const { proxy, answerWith } = await setUp(context);
  let asked = "";
  answerWith((request, response) => {
    asked = `${request.url} ${request.headers.accept}`;
    response.end(
      "# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total 3\n# HELP istio_build Mine.\n# TYPE istio_build gauge\nistio_build 7\n",
    );
  });
  const page = parsePrometheus((await proxy.admin("/metrics")).body);
  assert.equal(page.get("orders_total")?.samples[0]?.value, 3);
  assert.deepEqual(
    page.get("istio_build")?.samples.map(({ value }) => value),
    [1],
  );
  assert.equal(asked, "/own/metrics undefined");
  // An app that knows the old text alone has the page in it.
  const text = (await proxy.admin("/metrics", "GET", { accept: OPEN_METRICS })).body;
  assert.equal(asked, `/own/metrics ${OPEN_METRICS}`);
  assert.equal(parsePrometheus(text).get("orders_total")?.samples[0]?.value, 3);
  answerWith((_, response) => {
    response.setHeader("content-type", "application/openmetrics-text; version=1.0.0");
    response.end("# TYPE orders counter\norders_total 4.0\n# EOF\n");
  });
  const open = (await proxy.admin("/metrics", "GET", { accept: OPEN_METRICS })).body;
  assert.match(open, /^# TYPE orders counter\norders_total 4\.0\n# EOF\n$/m);
  assert.equal(open.split("# EOF").length, 2);
});

test("an app that is broken, endless or gone leaves the sidecar's page as it is", async (context) => {
  const { proxy, answerWith } = await setUp(context);
  const read = async (result: string): Promise<number> => {
    const page = parsePrometheus((await proxy.admin("/metrics")).body);
    assert.ok(page.has("istio_build"));
    // What a reading came to is on the next page.
    const after = parsePrometheus((await proxy.admin("/metrics")).body);
    const found = after.get("tulle_app_metrics_reads_total")?.samples ?? [];
    return found.find(({ labels }) => labels["result"] === result)?.value ?? 0;
  };
  answerWith((_, response) => response.end("<html>not metrics</html>"));
  assert.ok((await read("malformed")) >= 1);
  answerWith((_, response) => {
    response.statusCode = 500;
    response.end("orders_total 3\n");
  });
  assert.ok((await read("unreachable")) >= 1);
  answerWith((_, response) => response.end("a".repeat(APP_METRICS_BYTES_MAX + 1)));
  assert.ok((await read("too-large")) >= 1);
  answerWith((_, response) => response.destroy());
  assert.ok((await read("unreachable")) >= 3);
});
