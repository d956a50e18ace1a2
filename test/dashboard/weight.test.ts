/**
 * What the dashboard weighs: JavaScript of the first load, and the work that a page does while nothing happens, counted and
 * not timed, with two hundred services and two thousand edges.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";
import { FixtureServer } from "./fixture-server.ts";

const TIMEOUT = { timeout: 60_000 };
/** Of JavaScript at first load, compressed. */
const FIRST_LOAD_BYTES_MAX = 80_000;
const SERVICES = 200;
const EDGES = 2_000;
const VIEWS = [
  "/",
  "/services",
  "/services/default/service-4",
  "/errors",
  "/traces",
  "/rollouts/default/catalog",
];

const { path, skip } = browserOrSkip();
let browser: Browser;
let server: FixtureServer;
let page: DashboardPage;

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  server = await FixtureServer.start({ services: SERVICES, edges: EDGES });
  browser = await startBrowser(path);
  page = await DashboardPage.open(browser, server.url, { isMotionReduced: false });
});

after(async () => {
  await page?.close();
  await browser?.close();
  server?.close();
});

/** Compressed sizes of the scripts that a page has loaded so far. */
async function scriptBytes(): Promise<ReadonlyMap<string, number>> {
  const entries = await page.page.evaluate<readonly [string, number][]>(
    "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).map(({ name, encodedBodySize }) => [name, encodedBodySize])",
  );
  return new Map(entries);
}

describe("the dashboard", { skip }, () => {
  test(
    "loads less than 80 KB of JavaScript first, and a view's own when it is opened",
    TIMEOUT,
    async () => {
      await page.go("/");
      const first = await scriptBytes();
      const total = [...first.values()].reduce((sum, bytes) => sum + bytes, 0);
      assert.ok(first.size >= 2 && total > 5_000, "it was measured");
      assert.ok(total < FIRST_LOAD_BYTES_MAX, `${total} bytes`);
      await page.page.locator(".honeycomb a").first().click();
      await page.ready();
      assert.ok((await scriptBytes()).size > first.size, "charts came later");
    },
  );

  test("shows two hundred services", TIMEOUT, async () => {
    await page.go("/services");
    assert.equal((await page.rows("Services")).length, SERVICES);
    await page.screenshot("services-200");
    await page.go("/");
    await page.screenshot("overview-200");
  });

  for (const address of VIEWS) {
    test(`does nothing while nothing happens: ${address}`, TIMEOUT, async () => {
      await page.go(address);
      // Figures that came anew and are the same: no element is touched but the clock, no row is rendered.
      await page.page.evaluate(`
        globalThis.touched = [];
        globalThis.rendersBefore = tulleRenders.count;
        new MutationObserver((records) => {
          for (const { target } of records) {
            const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
            if (!element.closest(".topbar, time")) touched.push(element.outerHTML.slice(0, 200));
          }
        }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })`);
      for (let round = 0; round < 3; round++) {
        const answered = page.page.waitForResponse(/\/api\/v1\/telemetry\//);
        await page.page.getByRole("button", { name: "Pause live figures" }).click();
        await page.page.getByRole("button", { name: "Go on with live figures" }).click();
        await answered;
        await page.page.waitForLoadState("networkidle");
      }
      assert.deepEqual(await page.page.evaluate("touched"), []);
      assert.equal(await page.page.evaluate("tulleRenders.count - rendersBefore"), 0);
      const animations = await page.page.evaluate(
        "document.getAnimations().filter(({ playState }) => playState === 'running').length",
      );
      assert.equal(animations, 0, "nothing moves by itself");
    });
  }
});
