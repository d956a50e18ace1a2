/**
 * The view of a rollout over a real mesh: what it shows while a canary goes through its steps is what `tulle rollout status`
 * says, and what it offers ends the rollout: by a click for who may, by the command that it shows for everybody else.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { formatCount, formatMs, formatRate, formatShare } from "../../dashboard/core/format.ts";
import type { RolloutState, RolloutView } from "../../src/control-plane/rollout-types.ts";
import type { ServiceDetailResponse } from "../../src/control-plane/telemetry-types.ts";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";

const TIMEOUT = { timeout: 180_000 };
const ADDRESS = "/rollouts/default/catalog";
const QUESTION = /\/api\/v1\/rollouts\/default\/catalog$/;
const BATCH = 20;

const APP = `
require("node:http").createServer((_, response) => response.end(process.env.VERSION)).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const service = (name: string, more: object = {}): object => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: { name } },
  spec: {
    selector: { app: "catalog", ...more },
    ports: [{ name: "http", port: 80, targetPort: "http" }],
  },
});
const version = (name: string): object => ({
  ...{ service: "catalog", labels: { version: name }, env: { VERSION: name } },
});
const ROLLOUT = {
  ...{ apiVersion: "mesh.tulle.dev/v1", kind: "Rollout", metadata: { name: "catalog" } },
  spec: {
    targetRef: { kind: "Service", name: "catalog" },
    ...{ stableService: "catalog-v1", canaryService: "catalog-v2" },
    strategy: {
      canary: {
        steps: [
          { setWeight: 50, pause: { duration: "2s" } },
          { setWeight: 80, pause: {} },
        ],
      },
    },
    analysis: {
      ...{ interval: "1s", minRequests: 5 },
      metrics: [
        { name: "request-success-rate", thresholdRange: { min: 99 } },
        { name: "request-duration", percentile: 95, thresholdRange: { max: 20_000 } },
      ],
    },
  },
};

const { path, skip } = browserOrSkip();
let mesh: CatalogMesh;
let browser: Browser;
let page: DashboardPage;
let url = "";

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  mesh = await CatalogMesh.start({
    name: "rollout-view",
    app: APP,
    services: { one: version("v1"), two: version("v2") },
    resources: [
      service("catalog"),
      ...["v1", "v2"].map((name) => service(`catalog-${name}`, { version: name })),
    ],
  });
  browser = await startBrowser(path);
  url = (await mesh.tulle("dashboard", "--no-open")).trim().replace(/\/$/, "");
  page = await DashboardPage.open(browser, url);
}, TIMEOUT);

after(async () => {
  await page?.close();
  await browser?.close();
  await mesh?.remove();
});

/** What `tulle rollout status -o json` says; it fails where the rollout was rolled back. */
async function status(): Promise<RolloutState | undefined> {
  const { output } = await mesh.home.start(["rollout", "status", "catalog", "-o", "json"]).ended;
  return (JSON.parse(output) as { status?: { rollout?: RolloutState } }).status?.rollout;
}

/** Sends requests until the rollout is so. */
async function sendUntil(isSo: (state: RolloutState) => boolean): Promise<void> {
  for (;;) {
    await Promise.all(Array.from({ length: BATCH }, () => mesh.ask()));
    const state = await status();
    if (state !== undefined && isSo(state)) return;
  }
}

/** The state when nothing is sent any more and all that was sent is counted. */
async function rest(): Promise<RolloutState> {
  let before = "";
  for (;;) {
    const state = await status();
    assert.ok(state);
    const { checkedAt: _, ...others } = state;
    const text = JSON.stringify(others);
    if (text === before) return state;
    before = text;
  }
}

async function words(selector: string): Promise<readonly string[]> {
  const texts = await page.page.locator(selector).allInnerTexts();
  return texts.map((text) => text.replaceAll(/\s+/g, " ").trim());
}

describe("a rollout of a real mesh", { skip }, () => {
  test("is shown as tulle rollout status says it, step by step", TIMEOUT, async () => {
    await mesh.apply(ROLLOUT);
    await sendUntil(
      ({ currentStepIndex, gates }) =>
        currentStepIndex === 1 && gates.length === 2 && gates.every(({ passed }) => passed > 1),
    );
    const state = await rest();
    // A range that is over is asked for once: what is shown are these answers.
    const nowMs = Date.now();
    const range = `from=${new Date(nowMs - 300_000).toISOString()}&to=${new Date(nowMs).toISOString()}`;
    const answered = ["catalog-v1", "catalog-v2"].map(figures);
    const view = await page.goFor<RolloutView>(`${ADDRESS}?${range}`, QUESTION);
    const versions = await Promise.all(answered);
    assert.deepEqual({ ...view.state, checkedAt: "" }, { ...state, checkedAt: "" });
    assert.equal(await page.text("header .status"), state.phase);
    assert.equal(`${await page.text(".rollout-head h2")}: tulle rollout promote`, state.message);
    assert.deepEqual(await words(".step"), [
      "50% for 2 s done",
      "80% until promoted paused here",
      "100% every request ahead",
    ]);
    const { traffic, weights } = state;
    const total = traffic.stable.requests + traffic.canary.requests;
    assert.ok(total > 0);
    const rows = await words(".versions tbody tr");
    assert.deepEqual(rows.slice(0, 3), [
      `Weight ${weights.stable}% ${weights.canary}%`,
      `Observed ${formatShare(traffic.stable.requests / total)} ${formatShare(traffic.canary.requests / total)}`,
      `In this step ${formatCount(traffic.stable.requests)} requests, 0 failed ${formatCount(traffic.canary.requests)} requests, 0 failed`,
    ]);
    const [v1, v2] = versions.map(({ service: { inbound } }) => inbound);
    assert.ok(v1 && v2);
    assert.ok(v1.requests > 0 && v2.requests > 0, "each version has figures of its own");
    assert.equal(rows[4], "Success 100% 100%");
    assert.equal(rows[6], `P99 ${formatMs(v1.latency.p99)} ${formatMs(v2.latency.p99)}`);
    assert.match(
      rows[3] ?? "",
      new RegExp(
        `^Requests/s ${formatRate(v1.requestsPerSecond)} ${formatRate(v2.requestsPerSecond)}$`,
      ),
    );
    for (const gate of state.gates) {
      const text = await page.textOf(page.page.getByRole("region", { name: gate.name }));
      assert.ok(
        text.startsWith(
          `${gate.name} Passed ${gate.value} ${gate.threshold} in this step ${gate.passed} passed, 0 failed`,
        ),
        text,
      );
      const own = view.looks.filter((look) => look.gate === gate.name);
      assert.ok(own.length >= gate.passed, "looks of this step, and of the one before");
      assert.equal(
        await page.page.getByRole("region", { name: gate.name }).locator(".gate-passed").count(),
        own.length,
      );
    }
    const events = await words(".rollout-events li p:first-child");
    for (const { message } of state.events) {
      assert.ok(
        events.some((text) => text.endsWith(message)),
        `${message} in ${events}`,
      );
    }
    await page.assertAccessible("a rollout of a real mesh");
    await page.screenshot("mesh-rollout");
  });

  test("is listed as tulle get rollouts has it", TIMEOUT, async () => {
    await page.go("/rollouts");
    const [row] = await page.rows("Rollouts");
    assert.equal(row?.["Rollout"], "catalog Paused");
    assert.match(row["Step"] ?? "", /^2 of 2, since/);
    assert.match(row["Canary gets"] ?? "", /^80% /);
    assert.match(await mesh.tulle("get", "rollouts"), /catalog\s+.*Paused/);
  });

  test("is ended by who may, and the view says by whom", TIMEOUT, async () => {
    const address = await mesh.tulle("dashboard", "--no-open", "--role", "operator", "-q");
    const operator = await DashboardPage.open(browser, url, { theme: "dark" });
    await operator.page.goto(address.trim());
    await operator.ready();
    await operator.go(ADDRESS);
    await operator.page.getByRole("button", { name: "Abort …" }).click();
    await operator.page
      .getByRole("dialog")
      .getByRole("button", { name: "Abort", exact: true })
      .click();
    await operator.page.getByRole("heading", { name: "aborted by command" }).waitFor();
    const state = await status();
    assert.equal(state?.phase, "RolledBack");
    assert.deepEqual(state.weights, { stable: 100, canary: 0 });
    const { by, reason } = state.events.at(-1) ?? {};
    assert.equal(reason, "Aborted");
    assert.match(by ?? "", /^token /);
    assert.match(
      await operator.text(".rollout-events li"),
      new RegExp(`^Rolled back aborted by command .* · by ${by}$`),
    );
    assert.equal(await operator.page.locator(".step.is-stopped").count(), 1);
    await operator.screenshot("mesh-rollout-aborted");
    await operator.close();
    while ((await answers()).has("v2"));
  });

  test("who may only look is shown the command, which does the same", TIMEOUT, async () => {
    await page.go(ADDRESS);
    await page.page.getByRole("button", { name: "Try again …" }).click();
    await page.page.getByText("may not change a Rollout").waitFor();
    const command = await page.text(".rollout-dialog .cli code");
    const [program, ...rest] = command.split(" ");
    assert.equal(program, "tulle");
    await mesh.tulle(...rest);
    const state = await status();
    assert.equal(state?.run, 2);
    assert.notEqual(state.phase, "RolledBack");
    page.assertQuiet();
  });
});

/** What the page is told of a version. */
async function figures(name: string): Promise<ServiceDetailResponse> {
  const wanted = `/api/v1/telemetry/services/default/${name}?`;
  const answer = await page.page.waitForResponse((response) => response.url().includes(wanted));
  return (await answer.json()) as ServiceDetailResponse;
}

/** Which versions answer. */
async function answers(): Promise<ReadonlySet<string>> {
  const bodies = await Promise.all(Array.from({ length: BATCH }, () => mesh.ask()));
  return new Set(bodies.map(({ body }) => body));
}
