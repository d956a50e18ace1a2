/** Metrics of sidecars that `tulle run` starts: pushed to the control plane, with the app's CPU and memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parsePrometheus } from "../support/prometheus-parser.ts";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const ANYWHERE = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
const SERVER = `
  const server = require("node:http").createServer((request, response) => response.end("hello"));
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
    const page = async (): Promise<string> =>
      await (await fetch(`http://${address}/metrics`)).text();
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
