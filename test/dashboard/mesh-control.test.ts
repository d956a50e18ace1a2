/**
 * The views of what the mesh is told to do, over a real mesh: two versions of a Service that a route divides, one that may be
 * read only, one that nobody may call. Each view shows what the API says at that moment, which is what was sent.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Browser } from "playwright-core";
import {
  formatBytes,
  formatCount,
  formatMs,
  formatRate,
  formatSentence,
  formatShare,
  shortName,
} from "../../dashboard/core/format.ts";
import type {
  ChecksResponse,
  ControlPlaneFile,
  VersionResponse,
} from "../../src/control-plane/api-types.ts";
import type {
  EventsResponse,
  ProxiesTelemetryResponse,
  RoutesResponse,
  SecurityResponse,
  ServicesResponse,
  TapEvent,
} from "../../src/control-plane/telemetry-types.ts";
import { CatalogMesh, type ServiceAddress } from "../e2e/catalog-mesh.ts";
import { eventually } from "../support/application.ts";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";
import { APP, DENIED, READ, RESOURCES, SENT, VERSIONS } from "./mesh-split.ts";

const TIMEOUT = { timeout: 240_000 };
/** The API takes 100 requests a second of somebody who has not said his name, the page's among them. */
const ASK_AGAIN_MS = 250;
const MESH = "dashboard-control";

const { path, skip } = browserOrSkip();
let mesh: CatalogMesh;
let browser: Browser;
let page: DashboardPage;
let file: ControlPlaneFile;
let payments: ServiceAddress;
let vault: ServiceAddress;
/** The time in which everything was sent. */
let range = "";

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  mesh = await CatalogMesh.start({
    name: MESH,
    app: APP,
    services: { ...VERSIONS, payments: {}, vault: {} },
    resources: RESOURCES,
  });
  browser = await startBrowser(path);
  file = JSON.parse(readFileSync(join(mesh.home.path, MESH, "control-plane.json"), "utf8"));
  payments = await mesh.addressOf("payments");
  vault = await mesh.addressOf("vault");
  const from = new Date(Date.now() - 60_000).toISOString();
  for (let index = 0; index < SENT; index++) await mesh.ask(`/items/${index}`);
  for (let index = 0; index < READ; index++) await mesh.ask("/charges", { at: payments });
  for (let index = 0; index < DENIED; index++) {
    assert.equal((await mesh.ask("/secrets", { at: vault })).status, 403);
  }
  await eventually(async () => {
    const [{ services }, { routes }, { pairs }, { events }] = await Promise.all([
      telemetry<ServicesResponse>("/services"),
      telemetry<RoutesResponse>("/routes?service=catalog"),
      telemetry<SecurityResponse>("/security"),
      telemetry<EventsResponse>("/events?type=security"),
    ]);
    const hasAll = Object.entries({ catalog: SENT, payments: READ, vault: DENIED }).every(
      ([name, sent]) =>
        services.some(({ service, inbound }) => service.name === name && inbound.requests >= sent),
    );
    const routed = routes.reduce((sum, { traffic }) => sum + traffic.requests, 0);
    const denied = pairs.reduce((sum, pair) => sum + pair.denied, 0);
    return (hasAll && routed >= SENT && denied >= DENIED && events.length > 0) || undefined;
  });
  range = `from=${from}&to=${new Date().toISOString()}`;
  await eventually(async () => {
    const one = await telemetry<ServicesResponse>(`/services?${range}`);
    const other = await telemetry<ServicesResponse>(`/services?${range}`);
    const rates = ({ services }: ServicesResponse) =>
      services.map(({ inbound }) => inbound.requestsPerSecond).join();
    return rates(one) === rates(other) || undefined;
  });
  page = await DashboardPage.open(browser, file.adminUrl);
}, TIMEOUT);

after(async () => {
  await page?.close();
  await browser?.close();
  await mesh?.remove();
});

/** Asks again where the API finds that it is asked too often. */
async function ask<T>(question: string): Promise<T> {
  for (;;) {
    const answer = await fetch(`${file.adminUrl}/api/v1${question}`);
    const text = await answer.text();
    if (answer.status === 429) {
      await delay(ASK_AGAIN_MS);
      continue;
    }
    assert.equal(answer.status, 200, `${question}: ${text}`);
    return JSON.parse(text) as T;
  }
}

function telemetry<T>(question: string): Promise<T> {
  return ask<T>(`/telemetry${question}`);
}

async function textsOf(selector: string): Promise<readonly string[]> {
  const texts = await page.page.locator(selector).allInnerTexts();
  return texts.map((text) => text.replaceAll(/\s+/g, " ").trim());
}

describe("the dashboard of a real mesh that is told what to do", { skip, ...TIMEOUT }, () => {
  test("cards have the figures of services", TIMEOUT, async () => {
    const { services } = await page.goFor<ServicesResponse>(
      `/services?show=cards&${range}`,
      /\/telemetry\/services\?/,
    );
    const cards = await textsOf(".service-card");
    assert.equal(cards.length, services.length);
    for (const { service, inbound, resources, instances } of services) {
      const card = cards.find((text) => text.startsWith(`${service.name} `)) ?? "";
      const { latency } = inbound;
      for (const wanted of [
        `Requests/s ${formatRate(inbound.requestsPerSecond)}`,
        `Errors ${formatShare(inbound.errorRate)}`,
        `Mean ${formatMs(latency.mean)}`,
        ...[`P50 ${formatMs(latency.p50)}`, `P90 ${formatMs(latency.p90)}`],
        `P99 ${formatMs(latency.p99)}`,
        formatBytes(resources.sidecarMemoryBytes),
        `Instances ${instances.healthy}/${instances.total}`,
      ]) {
        assert.ok(card.includes(wanted), `${service.name}: ${wanted} in ${card}`);
      }
    }
    await page.screenshot("mesh-cards");
  });

  test("routes show wanted and observed shares", TIMEOUT, async () => {
    const { routes } = await page.goFor<RoutesResponse>(
      `/routes?${range}`,
      /\/telemetry\/routes\?/,
    );
    const split = routes.find(({ backends }) => backends.length === 2);
    assert.ok(split);
    assert.equal(split.traffic.requests, SENT);
    assert.deepEqual(
      split.backends.map(({ configuredShare }) => configuredShare),
      [0.75, 0.25],
    );
    const { requestsPerSecond, errorRate, latency } = split.traffic;
    assert.notEqual(latency.p99, null);
    const shares = split.backends.map(
      ({ backend, configuredShare, observedShare }) =>
        `${shortName(backend)} wanted ${formatShare(configuredShare)} observed ${formatShare(observedShare)}`,
    );
    assert.equal(await page.page.locator(".rule").count(), routes.length);
    const catalog = page.page.getByRole("region", { name: "catalog", exact: true });
    const text = await page.textOf(catalog.locator(".rule"));
    // A share that chance took far away is marked as off.
    assert.ok(text.replaceAll(" off wanted", " wanted").includes(shares.join(" ")), text);
    assert.ok(
      text.endsWith(
        `Requests/s ${formatRate(requestsPerSecond)} Errors ${formatShare(errorRate)} P99 ${formatMs(latency.p99)}`,
      ),
      text,
    );
    await page.assertAccessible("routes of a real mesh");
    await page.screenshot("mesh-routes");
  });

  test("other weights are seen as a diff, written, and hold", TIMEOUT, async () => {
    const change = "change=HTTPRoute/default/catalog/rule/0/match/0";
    await page.go(`/routes?${change}&weights=40,60&${range}`);
    await page.page.getByText(/whose role viewer may not change a HTTPRoute/).waitFor();
    const address = (await mesh.tulle("dashboard", "--no-open", "-q", "--role", "operator")).trim();
    const operator = await DashboardPage.open(browser, file.adminUrl);
    await operator.page.goto(address);
    await operator.ready();
    await operator.page.getByRole("link", { name: "Routes", exact: true }).click();
    await operator.ready();
    await operator.page.getByRole("button", { name: "Change weights" }).click();
    const panel = operator.page.locator(".weights");
    await panel.getByRole("spinbutton", { name: "Weight of catalog-v1" }).fill("40");
    const other = panel.getByRole("spinbutton", { name: "Weight of catalog-v2" });
    await other.fill("60");
    await other.blur();
    assert.deepEqual(await operator.page.locator(".diff-removed, .diff-added").allTextContents(), [
      "-           weight: 75\n",
      "+           weight: 40\n",
      "-           weight: 25\n",
      "+           weight: 60\n",
    ]);
    assert.equal(await operator.text(".weights .cli code"), "tulle split catalog v1=40 v2=60");
    await operator.screenshot("mesh-weights");
    await panel.getByRole("button", { name: "Apply" }).click();
    await operator.page.getByText(/Written as revision \d+/).waitFor();
    operator.assertQuiet();
    await operator.close();
    const { routes } = await telemetry<RoutesResponse>(`/routes?service=catalog&${range}`);
    const [split] = routes;
    assert.deepEqual(
      split?.backends.map(({ configuredShare }) => configuredShare),
      [0.4, 0.6],
    );
    assert.match(await mesh.tulle("get", "httproute", "catalog", "-o", "yaml"), /weight: 60/);
  });

  test("tap shows what is asked now, as the API's stream has it", TIMEOUT, async () => {
    const tapped = followTap("/telemetry/tap?destination=default%2Fpayments", 3);
    await page.go("/tap?to=payments");
    await page.page.getByText(/^listening/).waitFor();
    const isSeen = page.page.locator(".log-line").nth(2).waitFor();
    // Sidecars hear of the tap a moment later.
    for (let index = 0; (await page.page.locator(".log-line").count()) < 3; index++) {
      await mesh.ask(`/tapped/${index}`, { at: payments });
    }
    await isSeen;
    await page.page.getByRole("button", { name: "Pause", exact: true }).click();
    const events = await tapped;
    const lines = await textsOf(".log-line");
    assert.ok(lines.every((line) => /200 GET \/tapped\/\d+ client → payments/.test(line)));
    assert.ok(events.every((event) => /^\/tapped\/\d+$/.test(event.path ?? "")));
    await page.screenshot("mesh-tap");
  });

  test("proxies have what each tells of itself", TIMEOUT, async () => {
    const { proxies } = await page.goFor<ProxiesTelemetryResponse>(
      "/proxies",
      /\/telemetry\/proxies/,
    );
    const { version } = await ask<VersionResponse>("/version");
    await page.page.getByRole("button", { name: "Pause live figures" }).click();
    const rows = await page.rows("Proxies");
    assert.equal(proxies.length, 5);
    assert.deepEqual(
      rows.map((row) => [row["Proxy"], row["Service"], row["Version"], row["Revision"]]),
      proxies
        .toSorted((a, b) => a.name.localeCompare(b.name))
        .map(({ name, service, revision }) => [
          `${name} In sync`,
          service.name,
          version,
          String(revision),
        ]),
    );
    assert.ok(rows.every((row) => /^\d+ MB$/.test(row["Memory"] ?? "")));
    await page.screenshot("mesh-proxies");
  });

  test("checks are those of tulle check", TIMEOUT, async () => {
    const { checks } = await page.goFor<ChecksResponse>("/checks", /\/api\/v1\/checks$/);
    const findings = checks.flatMap((check) => check.findings);
    const shown = await textsOf(".finding strong");
    assert.deepEqual(shown.toSorted(), findings.map(({ message }) => message).toSorted());
    const passed = checks.filter(({ status }) => status === "pass").length;
    assert.equal(
      await page.text('[aria-label="What was looked at"] .panel-note'),
      `${passed} of ${checks.length} pass`,
    );
  });

  test("security has who may, who does, and who was denied", TIMEOUT, async () => {
    const { pairs, mtlsShare, certificates, roots } = await page.goFor<SecurityResponse>(
      `/security?${range}`,
      /\/telemetry\/security\?/,
    );
    const denied = pairs.reduce((sum, pair) => sum + pair.denied, 0);
    assert.equal(denied, DENIED);
    assert.equal(await page.page.locator(".access-matrix td button").count(), pairs.length);
    const stateOf = async (name: string) =>
      (await page.page.getByRole("button", { name }).getAttribute("aria-label")) ?? "";
    assert.match(
      await stateOf("client to vault:"),
      new RegExp(`: Tried and denied, .*${DENIED} denied$`),
    );
    assert.match(await stateOf("client to payments:"), /: Depends on the request, \d+ requests$/);
    assert.match(
      await stateOf("client to catalog:"),
      new RegExp(`: Allowed and used, ${SENT} requests$`),
    );
    assert.match(await stateOf("payments to vault:"), /: Not allowed, no request$/);
    assert.match(await stateOf("vault to payments:"), /: (Depends|Not allowed)/);
    assert.equal(mtlsShare, 1);
    assert.match(
      await page.text(".coverage"),
      new RegExp(`mutual TLS 100% Denied requests ${formatCount(denied)} `),
    );
    const rows = await page.rows("Certificates");
    assert.deepEqual(
      rows.map(({ Instance }) => Instance).toSorted(),
      certificates.map(({ instance, principal }) => `${instance} ${principal}`).toSorted(),
    );
    assert.ok(rows.every((row) => row["Time left"] === "23 h"));
    assert.match(await page.text(".roots"), new RegExp(`^${roots[0]?.id} ${roots[0]?.state}`));
    const { events } = await telemetry<EventsResponse>(`/events?type=security&${range}`);
    const told = await textsOf(".security-events li");
    for (const { subject, message } of events) {
      assert.ok(told.some((text) => text.includes(`${subject} ${formatSentence(message)}`)));
    }
    await page.page.getByRole("button", { name: "client to vault:" }).click();
    assert.match(
      await page.text(".picked-pair"),
      /no policy allows it secured: mutual TLS .*tulle authz check client vault GET \/$/,
    );
    await page.assertAccessible("the security of a real mesh");
    await page.screenshot("mesh-security");
    page.assertQuiet();
  });
});

/** Resolves with the first events of the stream. */
async function followTap(question: string, count: number): Promise<readonly TapEvent[]> {
  const answer = await fetch(`${file.adminUrl}/api/v1${question}`);
  assert.equal(answer.status, 200);
  let text = "";
  for await (const part of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    text += Buffer.from(part).toString();
    const data = [...text.matchAll(/event: request\n(?:.*\n)*?data: (.*)\n\n/g)];
    if (data.length >= count) return data.map(([, json = ""]) => JSON.parse(json) as TapEvent);
  }
  throw new Error(`the stream ended: ${text}`);
}
