/** The topology of a real mesh: `tulle up` with sidecars, a caller outside and a real Chromium. What is drawn is what the API says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatRate } from "../../dashboard/core/format.ts";
import type { ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import type { EdgesResponse } from "../../src/control-plane/telemetry-types.ts";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { eventually } from "../support/application.ts";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";

const MESH = "topology";
const SENT = 24;

const APP = `
require("node:http").createServer((request, response) => response.end("done"))
  .listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const { path, skip } = browserOrSkip();

test("a real mesh is drawn as the API tells of it", { skip, timeout: 120_000 }, async (context) => {
  await ensureDashboard();
  const mesh = await CatalogMesh.start({ name: MESH, app: APP });
  context.after(() => mesh.remove());
  const file: ControlPlaneFile = JSON.parse(
    readFileSync(join(mesh.home.path, MESH, "control-plane.json"), "utf8"),
  );
  const edgesOf = async (query: string): Promise<EdgesResponse> => {
    const answer = await fetch(`${file.adminUrl}/api/v1/telemetry/edges${query}`);
    return (await answer.json()) as EdgesResponse;
  };
  const from = new Date(Date.now() - 60_000).toISOString();
  for (let index = 0; index < SENT; index++) await mesh.ask(`/items/${index}`);
  await eventually(async () => {
    const { edges } = await edgesOf("");
    const told = edges.reduce((sum, { traffic }) => sum + traffic.requests, 0);
    return (told >= SENT && edges.some(({ security }) => security === "mutual_tls")) || undefined;
  });
  const range = `from=${from}&to=${new Date().toISOString()}`;
  // Rates are of the time that is over: they stand still when the last step is.
  let edges: EdgesResponse["edges"] = [];
  await eventually(async () => {
    const [first, second] = [await edgesOf(`?${range}`), await edgesOf(`?${range}`)];
    edges = second.edges;
    return JSON.stringify(first.edges) === JSON.stringify(edges) || undefined;
  });
  const browser = await startBrowser(path ?? "");
  context.after(() => browser.close());
  const page = await DashboardPage.open(browser, file.adminUrl);
  await page.go(`/topology?${range}`);
  for (const { source, destination, traffic, security } of edges) {
    const id = `${source.namespace}/${source.name}>${destination.namespace}/${destination.name}`;
    const line = page.page.locator(`.topology-edge[data-edge="${id}"]`);
    const words = (await line.getAttribute("aria-label")) ?? "";
    assert.ok(words.includes(`${formatRate(traffic.requestsPerSecond)} requests/s`), words);
    assert.equal(words.endsWith(", mutual TLS"), security === "mutual_tls", words);
  }
  assert.ok(edges.length > 0);
  await page.screenshot("topology-mesh-light-1280");
  page.assertQuiet();
});
