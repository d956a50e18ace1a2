/**
 * What the README promises somebody who has never seen Tulle: the demo in one command, its first graph without another one,
 * and from there to the failing service, its failing route and one failing trace in at most four clicks, on words that are seen.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import type { OverviewResponse, TraceResponse } from "../../src/control-plane/telemetry-types.ts";
import { TulleHome, type TulleProcess } from "../e2e/tulle-process.ts";
import { eventually } from "../support/application.ts";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { DashboardPage, ensureDashboard } from "./dashboard-page.ts";

const TIMEOUT = { timeout: 300_000 };
const CLICKS_MAX = 4;
const ROOT = join(import.meta.dirname, "..", "..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");

const { path, skip } = browserOrSkip();
let home: TulleHome;
let demo: TulleProcess;
let browser: Browser;
let page: DashboardPage;
let clicks = 0;

before(async () => {
  if (path === undefined) return;
  await ensureDashboard();
  home = await TulleHome.create();
  // `npm run demo` of the README is this, after installing what is missing.
  demo = home.start(["demo"], { cwd: ROOT });
  browser = await startBrowser(path);
}, TIMEOUT);

after(async () => {
  await page?.close();
  await browser?.close();
  await home?.remove();
});

/** What a reader of the README runs: its line with this command, as it stands there. */
function readmeCommand(command: string): readonly string[] {
  const line = README.split("\n").find((one) => one.startsWith(`bin/tulle ${command}`));
  assert.ok(line, `the README has bin/tulle ${command}`);
  return line.replace(/#.*/, "").trim().split(/\s+/).slice(1);
}

/** On the link or button that is seen with these words. */
async function click(words: string | RegExp, within = page.page.locator("main")): Promise<void> {
  clicks++;
  const target = within
    .getByRole("link", { name: words })
    .or(within.getByRole("button", { name: words }));
  await target.first().click();
  await page.ready();
}

describe("a newcomer, by the README alone", { skip, ...TIMEOUT }, () => {
  test("sees the first graph after one command", TIMEOUT, async () => {
    assert.match(README, /^npm run demo /m);
    const [, address = ""] = await demo.waitFor(/dashboard is at (\S+)/);
    page = await DashboardPage.open(browser, address.replace(/\/$/, ""));
    await eventually(async () => {
      await page.go("/");
      // Lines have two points as soon as two steps of the time are over.
      const lines = page.page.locator(".tile .spark-line");
      const paths = await lines.evaluateAll(
        (found: { getAttribute(name: string): string | null }[]) =>
          found.map((line) => line.getAttribute("d") ?? ""),
      );
      return paths.some((line) => line.includes("L")) || undefined;
    });
    assert.match(await page.text(".tiles"), /Requests\/s [\d.]+ [\d,]+ in all/);
    await page.screenshot("newcomer-first-graph");
  });

  test("finds what fails, where and why in at most four clicks", TIMEOUT, async () => {
    const command = readmeCommand("apply -f demo/failing-payments.yaml");
    const file = command.at(-1) ?? "";
    assert.ok(existsSync(join(ROOT, file)));
    const { code, output } = await home.start(command, { cwd: ROOT }).ended;
    assert.equal(code, 0, output);
    assert.match(demo.output, /apply -f demo\/failing-payments\.yaml/, "the demo names it, too");
    const base = new URL(page.page.url()).origin;
    // A newcomer waits until the page says that something is wrong.
    await eventually(async () => {
      const answer = await fetch(`${base}/api/v1/telemetry/overview`);
      const { problems } = (await answer.json()) as OverviewResponse;
      const [worst] = problems;
      return (worst?.severity === "error" && worst.service?.name === "payments") || undefined;
    });

    await page.go("/");
    assert.match(await page.text("h1"), /^\d+ of \d+ services fails?$/);
    assert.match(await page.text(".problem"), /payments.*fault was injected on purpose/);
    await page.screenshot("newcomer-overview");
    await click(/^payments/);
    assert.equal(await page.text("h1"), "payments");
    await page.screenshot("newcomer-service");

    const failing = (await page.rows("Routes")).filter(({ Errors = "" }) => /[1-9]/.test(Errors));
    assert.equal(failing.length, 1, "one route is seen to fail");
    assert.match(failing[0]?.["Route"] ?? "", /POST.*\/charges/);
    await click(/POST.*\/charges/);
    const requests = await page.rows("Failing requests");
    assert.ok(requests.length > 0);
    assert.ok(requests.every(({ Request }) => Request === "POST /charges"));

    await click(/^Open/, page.page.getByRole("table", { name: "Failing requests" }));
    assert.equal(await page.text("h1"), "POST /checkout");
    const id = /\/traces\/([0-9a-f]{32})/.exec(page.page.url())?.[1];
    const trace = (await (
      await fetch(`${base}/api/v1/telemetry/traces/${id}`)
    ).json()) as TraceResponse;
    assert.ok(trace.summary.hasError);
    const shown = page.page.locator(".span-row.is-error");
    assert.equal(await shown.count(), trace.spans.filter(({ isError }) => isError).length);
    assert.match(await page.textOf(shown.last()), /orders POST \/charges/);
    await page.assertAccessible("a failing trace");
    await page.screenshot("newcomer-trace");
    assert.ok(clicks <= CLICKS_MAX, `${clicks} clicks`);
    page.assertQuiet();
  });

  test("heals the shop with the README's last line", TIMEOUT, async () => {
    const [, command = ""] = /`bin\/tulle (delete faultpolicy [^`]+)`/.exec(README) ?? [];
    const { code, output } = await home.start(command.split(" "), { cwd: ROOT }).ended;
    assert.equal(code, 0, output);
    demo.signal("SIGINT");
    assert.equal((await demo.ended).code, 0);
  });
});
