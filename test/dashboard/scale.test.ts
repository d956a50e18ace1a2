/**
 * Two hundred services and two thousand edges: how long it takes from asking for the page until every row stands there, told
 * by the page's own clock, and what of it the page computes. The first is in the report, since it is what a reader waits; the
 * second is bounded, since it does not depend on what else the machine does.
 */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser } from "playwright-core";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";
import { FixtureServer } from "./fixture-server.ts";

const TIMEOUT = { timeout: 120_000 };
const [SERVICES, EDGES] = [200, 2_000];
/** Of the processor. */
const COMPUTED_MS_MAX = 2_000;
const { path, skip } = browserOrSkip();

let browser: Browser;
let server: FixtureServer;

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  server = await FixtureServer.start({
    ...{ services: SERVICES, edges: EDGES },
    nowMs: Date.UTC(2026, 10, 26, 10, 30),
  });
  browser = await startBrowser(path);
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Milliseconds from the navigation until there are so many elements and they are painted. */
async function timeUntil(
  t: TestContext,
  { address, selector, count }: { address: string; selector: string; count: number },
): Promise<DashboardPage> {
  const page = await DashboardPage.open(browser, server.url);
  t.after(() => page.close());
  await page.page.addInitScript(`
    new MutationObserver((_, observer) => {
      if (document.querySelectorAll(${JSON.stringify(selector)}).length < ${count}) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => performance.mark("filled")));
    }).observe(document, { childList: true, subtree: true });`);
  const session = await page.page.context().newCDPSession(page.page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.go(address);
  let filledMs: number | undefined;
  while (filledMs === undefined) {
    filledMs = await page.page.evaluate('performance.getEntriesByName("filled")[0]?.startTime');
  }
  const { metrics } = await session.send("Performance.getMetrics");
  const computedMs = 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0);
  t.diagnostic(
    `${address}: ${count} rows after ${filledMs.toFixed(0)} ms, of which the page computes ${computedMs.toFixed(0)} ms`,
  );
  assert.ok(computedMs > 0 && computedMs < COMPUTED_MS_MAX, `${computedMs} ms`);
  assert.equal(await page.page.locator(selector).count(), count);
  page.assertQuiet();
  return page;
}

describe(`${SERVICES} services and ${EDGES} edges`, { skip }, () => {
  test("the overview has a cell for each service", TIMEOUT, async (t) => {
    const page = await timeUntil(t, {
      ...{ address: "/", selector: ".honeycomb a" },
      count: SERVICES,
    });
    await page.assertFits("the overview of a large mesh");
    await page.screenshot("scale-overview");
  });

  test("the table has a row for each service, and finds one", TIMEOUT, async (t) => {
    const page = await timeUntil(t, {
      ...{ address: "/services", selector: "tbody tr" },
      count: SERVICES,
    });
    await page.page.getByRole("searchbox").fill("service-117");
    await page.page.locator("tbody tr").nth(1).waitFor({ state: "detached" });
    assert.match((await page.rows("Services"))[0]?.["Service"] ?? "", /^service-117 /);
  });

  test("a service's page has its callers and callees", TIMEOUT, async (t) => {
    const callers = server.mesh.edges.filter(({ destination }) => destination.name === "service-9");
    await timeUntil(t, {
      address: "/services/default/service-9",
      selector: 'table[aria-label="Called by"] tbody tr',
      count: callers.length,
    });
  });
});
