/** Metrics of sidecars that `tulle run` starts: pushed to the control plane, with the app's CPU and memory. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parsePrometheus } from "../support/prometheus-parser.ts";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const ANYWHERE = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
const SERVER = `
  const server = require("node:http").createServer((request, response) => response.end("# TYPE orders_total counter\\norders_total 3\\n"));
  server.listen(process.env.PORT, process.env.HOST);
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;

let home: TulleHome;
let controlPlane: TulleProcess;

before(async () => {
  home = await TulleHome.create();
  controlPlane = home.start(["control-plane", ...ANYWHERE]);
  await controlPlane.waitFor(/ready/);
});

after(async () => {
  await home.remove();
});

async function ask(path: string): Promise<string> {
  const file = JSON.parse(readFileSync(join(home.path, "default", "control-plane.json"), "utf8"));
  return await (await fetch(`${file.adminUrl}${path}`)).text();
}

type Labels = Readonly<Record<string, string>>;

/** The sum of the matching samples. */
function sumOf(page: string, name: string, wanted: Labels = {}): number {
  const samples = parsePrometheus(page).get(name)?.samples ?? [];
  return samples
    .filter(({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 50));
}

for (const workers of ["1", "2"]) {
  test(`a sidecar of ${workers} worker(s) pushes to the control plane, and tells what its app uses`, async () => {
    const name = `web-${workers}`;
    const app = ["--", process.execPath, "-e", SERVER];
    const web = home.start([
      ...["run", "--service", name, "--name", name, "--port", "auto", "--workers", workers],
      ...["--app-metrics", "auto/own"],
      ...app,
    ]);
    await web.waitFor(new RegExp(`${name} serves ${name}`));
    const before = sumOf(await ask("/metrics"), "tulle_telemetry_received_total", {
      signal: "metrics",
    });
    const { proxies } = JSON.parse(await ask("/api/v1/proxies")) as {
      readonly proxies: readonly { readonly id: string; readonly adminAddress: string }[];
    };
    const address = proxies.find(({ id }) => id === name)?.adminAddress;
    const page = async (): Promise<string> => {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      const [ours = "", more = ""] = text.split("# TYPE orders_total counter\n");
      assert.equal(more, "orders_total 3\n");
      return ours;
    };
    await until(
      async () => sumOf(await page(), "tulle_metrics_pushes_total", { result: "ok" }) >= 1,
    );
    assert.equal(sumOf(await page(), "tulle_metrics_pushes_total", { result: "failed" }), 0);
    const received = await ask("/metrics");
    assert.ok(
      sumOf(received, "tulle_telemetry_received_total", { signal: "metrics" }) > before,
      received,
    );
    assert.ok(sumOf(await page(), "tulle_app_resident_memory_bytes") > 10_000_000);
    assert.ok(sumOf(await page(), "tulle_app_cpu_seconds_total") > 0);
    web.signal("SIGTERM");
    assert.equal((await web.ended).code, 0);
  });
}

const POLICY = {
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TelemetryPolicy",
  metadata: { name: "mesh", namespace: "tulle-system" },
  spec: {
    metrics: {
      overrides: [
        {
          match: { metric: "ALL_METRICS", mode: "SERVER" },
          tagOverrides: { team: { value: "shop" }, source_principal: { operation: "REMOVE" } },
        },
        { match: { metric: "REQUEST_SIZE" }, disabled: true },
      ],
      compatibility: ["Envoy", "Kiali"],
    },
  },
};
const CLIENT = `
  const { WEB_SERVICE_HOST: host, WEB_SERVICE_PORT: port } = process.env;
  for (let i = 0; i < 5; i++) await (await fetch("http://" + host + ":" + port + "/")).text();
  console.log("asked");
  setInterval(() => {}, 1000);
`;

test("a TelemetryPolicy says which metrics are told, and by which names", async () => {
  const file = join(home.path, "policy.json");
  writeFileSync(file, JSON.stringify(POLICY));
  const applied = await home.start(["apply", "-f", file]).ended;
  assert.equal(applied.code, 0, applied.output);
  const port = ["--port", "auto"];
  const web = home.start([
    ...["run", "--service", "web", "--name", "web", ...port, "--", process.execPath, "-e", SERVER],
  ]);
  await web.waitFor(/web serves web/);
  const node = [process.execPath, "--input-type=module", "-e", CLIENT];
  const client = home.start(["run", "--service", "client", "--name", "client", "--", ...node]);
  await client.waitFor(/asked/);
  const { proxies } = JSON.parse(await ask("/api/v1/proxies")) as {
    readonly proxies: readonly { readonly id: string; readonly adminAddress: string }[];
  };
  const pageOf = async (name: string): Promise<string> => {
    const address = proxies.find(({ id }) => id === name)?.adminAddress;
    return await (await fetch(`http://${address}/metrics`)).text();
  };
  const [server, caller] = [await pageOf("web"), await pageOf("client")];
  assert.equal(sumOf(server, "istio_requests_total", { team: "shop" }), 5);
  assert.doesNotMatch(server, /^istio_requests_total.*source_principal/m);
  assert.equal(sumOf(caller, "istio_requests_total", { reporter: "source" }), 5);
  assert.match(caller, /^istio_requests_total.*source_principal/m);
  assert.doesNotMatch(server + caller, /^istio_request_bytes/m);
  assert.equal(sumOf(caller, "tulle_route_requests_total", { destination_service_name: "web" }), 5);
  assert.equal(sumOf(caller, "envoy_cluster_upstream_rq_total"), 5);
  const edge = { source_name: "client", dest_name: "web", status_code: "200" };
  assert.equal(sumOf(caller, "kiali_ext_requests_total", edge), 5);
  for (const one of [client, web]) one.signal("SIGTERM");
  await Promise.all([client.ended, web.ended]);
});
