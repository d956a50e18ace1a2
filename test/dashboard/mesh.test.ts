/**
 * The dashboard over a real mesh: `tulle up` with sidecars, requests of which some fail by one route, and a real Chromium.
 * What a page shows is what the API says of the same time, and what the API says is what was sent.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { formatBytes, formatMs, formatRate, formatShare } from "../../dashboard/core/format.ts";
import type { ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import type {
  ErrorsResponse,
  LogsResponse,
  OverviewResponse,
  RoutesResponse,
  ServiceDetailResponse,
  ServicesResponse,
  TraceResponse,
  TracesResponse,
} from "../../src/control-plane/telemetry-types.ts";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { eventually } from "../support/application.ts";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";

const TIMEOUT = { timeout: 120_000 };
const MESH = "dashboard";
const SENT = 40;
const FAILING = 10;

const APP = `
require("node:http").createServer((request, response) => {
  response.statusCode = request.url.startsWith("/charges") ? 503 : 200;
  response.end("done");
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const ROUTE = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "catalog" },
  spec: {
    parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: "/charges" } }],
        backendRefs: [{ name: "catalog", port: 80 }],
      },
      { backendRefs: [{ name: "catalog", port: 80 }] },
    ],
  },
};

const { path, skip } = browserOrSkip();
let mesh: CatalogMesh;
let browser: Browser;
let page: DashboardPage;
let file: ControlPlaneFile;
/** The time in which everything was sent: what is told of it does not change any more. */
let range = "";

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  mesh = await CatalogMesh.start({ name: MESH, app: APP });
  browser = await startBrowser(path);
  file = JSON.parse(readFileSync(join(mesh.home.path, MESH, "control-plane.json"), "utf8"));
  await mesh.apply(ROUTE);
  const from = new Date(Date.now() - 60_000).toISOString();
  for (let index = 0; index < SENT; index++) {
    const isFailing = index % (SENT / FAILING) === 0;
    await mesh.ask(isFailing ? `/charges/${index}` : `/items/${index}`);
  }
  await eventually(async () => {
    const [{ traffic, mtlsShare }, { routes }, { logs }, { traces }] = await Promise.all([
      ask<OverviewResponse>("/overview"),
      ask<RoutesResponse>("/routes?namespace=default&service=catalog"),
      ask<LogsResponse>("/logs?status=5xx"),
      ask<TracesResponse>("/traces?error=true"),
    ]);
    const routed = routes.reduce((sum, route) => sum + route.traffic.requests, 0);
    const isTold = traffic.requests >= SENT && routed >= SENT && logs.length >= 2 * FAILING;
    // Called sidecars tell of it.
    const isSeen = mtlsShare !== null && traces.length >= FAILING;
    return (isTold && isSeen) || undefined;
  });
  range = `from=${from}&to=${new Date().toISOString()}`;
  // Rates are of the time that is over: they stand still when the last step is.
  await eventually(async () => {
    const [first, second] = [
      await ask<OverviewResponse>(`/overview?${range}`),
      await ask<OverviewResponse>(`/overview?${range}`),
    ];
    return first.traffic.requestsPerSecond === second.traffic.requestsPerSecond || undefined;
  });
  page = await DashboardPage.open(browser, file.adminUrl);
}, TIMEOUT);

after(async () => {
  await page?.close();
  await browser?.close();
  await mesh?.remove();
});

async function ask<T>(question: string): Promise<T> {
  const answer = await fetch(`${file.adminUrl}/api/v1/telemetry${question}`);
  assert.equal(answer.status, 200, `${question}: ${await answer.clone().text()}`);
  return (await answer.json()) as T;
}

describe("the dashboard of a real mesh", { skip }, () => {
  test("is served at the admin address, to be kept and to be trusted", TIMEOUT, async () => {
    const answer = await fetch(`${file.adminUrl}/`);
    assert.match(
      answer.headers.get("content-security-policy") ?? "",
      /^default-src 'none'; script-src 'self'/,
    );
    assert.match(answer.headers.get("etag") ?? "", /^"[\w-]+(\.br|\.gz)?"$/);
    const script = /src="(\/assets\/main-\w+\.js)"/.exec(await answer.text())?.[1] ?? "";
    const headers = { "accept-encoding": "br" };
    const asset = await fetch(file.adminUrl + script, { headers });
    assert.match(asset.headers.get("cache-control") ?? "", /immutable/);
    assert.equal(asset.headers.get("content-encoding"), "br");
    const nothing = await fetch(`${file.adminUrl}/api/v1/nowhere`, {
      headers: { accept: "text/html" },
    });
    assert.equal(nothing.status, 404);
  });

  test("tulle dashboard prints where it is", TIMEOUT, async () => {
    assert.equal(await mesh.tulle("dashboard", "--no-open"), `${file.adminUrl}/\n`);
    const told = await mesh.tulle("dashboard", "--no-open", "--role", "viewer", "-q");
    assert.match(told, new RegExp(`^${file.adminUrl}/#token=tulle_\\S+\n$`));
  });

  test("opens on what fails", TIMEOUT, async () => {
    const overview = await ask<OverviewResponse>(`/overview?${range}`);
    assert.equal(overview.traffic.requests, SENT);
    assert.equal(overview.traffic.errors, FAILING);
    await page.go(`/?${range}`);
    assert.equal(await page.text("h1"), overview.summary);
    const tiles = await page.text(".tiles");
    const { requestsPerSecond, latency } = overview.traffic;
    for (const wanted of [
      `Requests/s ${formatRate(requestsPerSecond)} ${SENT} in all`,
      `Errors 25% ${FAILING} failed`,
      ...[`P50 ${formatMs(latency.p50)}`, `P99 ${formatMs(latency.p99)}`],
    ]) {
      assert.ok(tiles.includes(wanted), `${wanted} in ${tiles}`);
    }
    const [problem] = overview.problems;
    assert.ok(problem);
    assert.match(await page.text(".problem"), new RegExp(problem.message));
    assert.match(await page.text(".facts"), /2 connected.*100% of requests/);
    await page.assertAccessible("the overview of a real mesh");
    await page.screenshot("mesh-overview");
  });

  test("tells of each service what the API tells", TIMEOUT, async () => {
    const { services } = await page.goFor<ServicesResponse>(
      `/services?${range}`,
      /\/telemetry\/services\?/,
    );
    const rows = await page.rows("Services");
    assert.equal(rows.length, services.length);
    const catalog = services.find(({ service }) => service.name === "catalog");
    assert.ok(catalog);
    assert.equal(catalog.inbound.requests, SENT);
    const { inbound, resources, instances } = catalog;
    const row = rows.find(({ Service }) => Service?.startsWith("catalog"));
    assert.equal(row?.["Service"], "catalog Failing");
    assert.equal(row["Requests/s"], formatRate(inbound.requestsPerSecond));
    assert.equal(row["Errors"], formatShare(inbound.errorRate));
    assert.equal(row["Mean"], formatMs(inbound.latency.mean));
    assert.equal(row["P90"], formatMs(inbound.latency.p90));
    assert.equal(row["P99"], formatMs(inbound.latency.p99));
    assert.ok(resources.sidecarMemoryBytes !== null, "sidecars tell what they take");
    assert.equal(
      row["Memory"],
      `${formatBytes(resources.appMemoryBytes)} ${formatBytes(resources.sidecarMemoryBytes)}`,
    );
    assert.equal(row["Instances"], `${instances.healthy}/${instances.total}`);
  });

  test(
    "leads from the overview to the failing service, its route and a trace in three clicks",
    TIMEOUT,
    async () => {
      await page.go(`/?${range}`);
      await page.page.locator(".problem a").first().click();
      await page.ready();
      assert.equal(await page.text("h1"), "catalog");
      const { routes } = await ask<RoutesResponse>(
        `/routes?namespace=default&service=catalog&${range}`,
      );
      const failing = routes.find(({ traffic }) => (traffic.errorRate ?? 0) > 0);
      assert.equal(failing?.traffic.requests, FAILING);
      const rows = await page.rows("Routes");
      assert.equal(
        rows.find(({ Errors }) => Errors === "100%")?.["Requests/s"],
        formatRate(failing.traffic.requestsPerSecond),
      );
      await page.screenshot("mesh-service");
      await page.page.getByRole("button", { name: failing.matches.join(" or ") }).click();
      await page.ready();
      const requests = await page.rows("Failing requests");
      assert.ok(requests.length >= 8);
      assert.ok(requests.every(({ Request }) => Request?.startsWith("GET /charges/")));
      await page.page
        .getByRole("link", { name: /^Open the trace/ })
        .first()
        .click();
      await page.ready();
      const [, id] = /\/traces\/([0-9a-f]{32})/.exec(page.page.url()) ?? [];
      const trace = await ask<TraceResponse>(`/traces/${id}`);
      assert.ok(trace.summary.hasError);
      assert.equal(await page.page.locator(".span-row").count(), trace.spans.length);
      assert.ok((await page.page.locator(".span-row.is-error").count()) > 0);
      await page.assertAccessible("a trace of a real mesh");
      await page.screenshot("mesh-trace");
    },
  );

  test("shows a service's instances and callers as the API has them", TIMEOUT, async () => {
    const detail = await page.goFor<ServiceDetailResponse>(
      `/services/default/catalog?${range}`,
      /\/telemetry\/services\/default\/catalog/,
    );
    assert.deepEqual(
      (await page.rows("Instances")).map((row) => [row["Instance"], row["Requests/s"]]),
      detail.instances.map(({ name, health, traffic }) => [
        `${name} ${health}`,
        formatRate(traffic.requestsPerSecond),
      ]),
    );
    assert.deepEqual(
      (await page.rows("Called by")).map((row) => [row["Service"], row["Secured"], row["Errors"]]),
      [["client", "mutual TLS", "25%"]],
    );
  });

  test("counts errors as the API does, and has each request once", TIMEOUT, async () => {
    const { groups } = await ask<ErrorsResponse>(`/errors?${range}`);
    assert.equal(
      groups.reduce((sum, { count }) => sum + count, 0),
      FAILING,
    );
    await page.go(`/errors?${range}`);
    const rows = await page.rows("Kinds of errors");
    assert.deepEqual(
      rows.map((row) => [row["Service"], row["Answer"], row["Requests"]]),
      [["catalog from client", "503", String(FAILING)]],
    );
    assert.equal(await page.page.locator(".log-line").count(), FAILING, "each request once");
    await page.page.getByRole("searchbox").fill("/charges/20");
    await page.page.locator(".log-line").nth(1).waitFor({ state: "detached" });
    await page.page.locator(".log-line summary").click();
    assert.match(await page.text(".log-line"), /GET \/charges\/20.*client → catalog.*route/);
  });

  test("lists the traces that failed", TIMEOUT, async () => {
    const { traces } = await ask<TracesResponse>(`/traces?error=true&limit=100&${range}`);
    assert.equal(traces.length, FAILING, "each failure is kept");
    await page.go(`/traces?error=true&${range}`);
    const rows = await page.rows("Traces");
    assert.deepEqual(
      new Set(rows.map(({ Took }) => Took)),
      new Set(traces.map(({ durationMs }) => formatMs(durationMs))),
    );
    assert.equal(rows.length, FAILING);
    page.assertQuiet();
  });

  test("shows commands that tell the same in a terminal", TIMEOUT, async () => {
    const views = ["/", "/services", "/services/default/catalog", "/errors", "/traces?error=true"];
    const filtered = "/errors?service=default%2Fcatalog&text=charges";
    const commands = new Set<string>();
    for (const view of [...views, filtered]) {
      await page.go(`${view}${view.includes("?") ? "&" : "?"}${range}`);
      for (const command of await page.page.locator(".cli code").allInnerTexts()) {
        commands.add(command);
      }
    }
    assert.ok(commands.size >= 6, [...commands].join("\n"));
    for (const command of commands) {
      const [program, ...words] = command.split(" ");
      assert.equal(program, "tulle");
      assert.notEqual(await mesh.tulle(...words), "", command);
    }
  });

  test(
    "asks for a token where nobody may read without, and takes the one of tulle dashboard",
    TIMEOUT,
    async () => {
      await mesh.apply({
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: { access: { anonymous: "None" } },
      });
      await page.page.goto(`${file.adminUrl}/`);
      await page.page.getByRole("heading", { name: "Who are you?" }).waitFor();
      const address = (await mesh.tulle("dashboard", "--no-open", "-q")).trim();
      assert.match(address, /#token=tulle_/);
      const other = await DashboardPage.open(browser, file.adminUrl);
      await other.page.goto(address);
      await other.ready();
      assert.equal(other.page.url(), `${file.adminUrl}/`);
      assert.match(await other.text(".facts"), /2 connected/);
      await other.close();
    },
  );
});
