/**
 * The views of what the mesh is told to do, in a real Chromium: routes, rollouts, tap, proxies, checks. What each shows is
 * what the API of the fixture says, in both themes and both widths.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";
import { checksOf, proxiesOf, REFUSAL } from "./fixture-control.ts";
import { FixtureServer } from "./fixture-server.ts";

const TIMEOUT = { timeout: 60_000 };
const { path, skip } = browserOrSkip();
const NOW_MS = Date.UTC(2026, 10, 26, 10, 30);
const VIEWS = {
  proxies: "/proxies?proxy=payment-1",
  checks: "/checks",
};

let browser: Browser;
let server: FixtureServer;

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  server = await FixtureServer.start({ nowMs: NOW_MS });
  browser = await startBrowser(path);
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function withPage(
  options: Parameters<typeof DashboardPage.open>[2],
  use: (page: DashboardPage) => Promise<void>,
): Promise<void> {
  const page = await DashboardPage.open(browser, server.url, options);
  try {
    await use(page);
    page.assertQuiet();
  } finally {
    await page.close();
  }
}

/** The view over an answer of the API that the fixture does not give. */
async function withAnswer(
  page: DashboardPage,
  address: string,
  { question, status, body }: { question: string; status: number; body: object },
): Promise<string> {
  await page.page.route(question, (route) => route.fulfill({ status, json: body }));
  await page.go(address);
  return await page.text("main");
}

const OUTAGE = { error: { code: "unavailable", message: "it is starting", hint: "try again" } };

describe("each view", { skip }, () => {
  for (const theme of ["light", "dark"] as const) {
    for (const width of [1280, 390] as const) {
      test(`is readable for everybody, ${theme}, ${width}`, TIMEOUT, () =>
        withPage({ theme, width }, async (page) => {
          for (const [name, address] of Object.entries(VIEWS)) {
            await page.go(address);
            await page.assertFits(name);
            await page.assertAccessible(`${name}, ${theme}, ${width}`);
            await page.screenshot(`${name}-${theme}-${width}`);
          }
        }),
      );
    }
  }
});

describe("checks", { skip }, () => {
  test("findings stand by severity, each with its object, field and hint", TIMEOUT, () =>
    withPage({}, async (page) => {
      const { checks } = await page.goFor<ReturnType<typeof checksOf>>(
        "/checks",
        /\/api\/v1\/checks$/,
      );
      assert.deepEqual(checks, checksOf().checks);
      const texts = (await page.page.locator(".finding").allInnerTexts()).map((text) =>
        text.replaceAll(/\s+/g, " ").trim(),
      );
      assert.equal(texts.length, checks.flatMap(({ findings }) => findings).length);
      assert.match(
        texts[0] ?? "",
        /Error: HTTPRoute catalog spec\.rules\[1\]\.backendRefs\[0\]\.name.*no Service catalog-v3.*did you mean catalog-v2\? backend-not-found docs\/reference\/resources\/httproute\.md/,
      );
      assert.deepEqual(
        texts.map((text) => text.slice(0, text.indexOf(":"))),
        ["Error", "Warning", "Warning", "Note"],
      );
      assert.equal(await page.text('[aria-label="What was looked at"] .panel-note'), "1 of 3 pass");
      await page.page.getByRole("button", { name: /^Warning/ }).click();
      assert.equal(await page.page.locator(".finding").count(), 2);
      await page.page.getByRole("link", { name: "Service legacy-erp" }).click();
      await page.page.waitForURL(/\/services\/default\/legacy-erp$/);
    }),
  );

  test("nothing wrong and no answer are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      const question = "**/api/v1/checks";
      const good = { ok: true, revision: 1, checks: [] };
      const none = await withAnswer(page, "/checks", { question, status: 200, body: good });
      assert.match(none, /Nothing is wrong/);
      const failed = await withAnswer(page, "/checks", { question, status: 503, body: OUTAGE });
      assert.match(failed, /it is starting.*Try again/);
    }),
  );
});

describe("proxies", { skip }, () => {
  test("those that need somebody come first, with every figure", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/proxies");
      const rows = await page.rows("Proxies");
      assert.equal(rows.length, proxiesOf(server.mesh).length);
      assert.deepEqual(
        rows.slice(0, 4).map(({ Proxy: name }) => name),
        [
          "payment-1 Refuses",
          "recommendations-1 Not connected",
          "checkout-1 Behind",
          "cart-1 In sync",
        ],
      );
      assert.equal(rows[0]?.["Revision"], "40");
      assert.equal(rows[1]?.["Memory"], "–", "what is not known is no zero");
      assert.equal(rows[2]?.["Behind for"], "1 min");
      assert.equal(rows[3]?.["Version"], "0.0.9 skew");
      assert.equal(rows[3]?.["CPU"], "2.0%");
      assert.equal(rows[3]?.["Loop lag"], "84 ms");
    }),
  );

  test("one that is picked says what it refuses, and which commands tell more", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/proxies?sync=refusing");
      await page.page.getByRole("button", { name: "payment-1" }).click();
      assert.equal(await page.text(".refusal"), REFUSAL);
      assert.deepEqual(await page.page.locator(".picked-commands code").allInnerTexts(), [
        "tulle status payment-1",
        "tulle proxy config payment-1",
      ]);
      assert.match(page.page.url(), /sync=refusing&proxy=payment-1/);
    }),
  );

  test("none and no answer are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      const question = "**/api/v1/telemetry/proxies*";
      const body = { window: server.mesh.window, proxies: [] };
      assert.match(
        await withAnswer(page, "/proxies", { question, status: 200, body }),
        /No proxy is connected yet/,
      );
      assert.match(
        await withAnswer(page, "/proxies", { question, status: 503, body: OUTAGE }),
        /it is starting/,
      );
    }),
  );
});
