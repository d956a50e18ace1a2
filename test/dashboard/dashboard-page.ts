/** A page of the dashboard in a real Chromium: opened in a theme and a width, read, judged by axe, and kept as a picture. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";

const ROOT = join(import.meta.dirname, "..", "..");
/** Kept by CI. */
const SCREENSHOTS = join(ROOT, ".cache", "screenshots");
const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
/** WCAG 2.2 at levels A and AA. */
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export interface PageOptions {
  readonly theme?: "light" | "dark";
  readonly width?: 1280 | 390;
  readonly isMotionReduced?: boolean;
}

interface AxeViolation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Builds the dashboard when its sources have changed. */
export async function ensureDashboard(): Promise<void> {
  await require(join(ROOT, "scripts", "install.cjs")).ensureDashboard();
}

export class DashboardPage {
  readonly page: Page;
  /** What the page complained of: errors of scripts, and what its content security policy refused. */
  readonly complaints: string[] = [];
  /** Addresses that the page asked for. */
  readonly requests: string[] = [];
  readonly #context: BrowserContext;
  readonly #base: string;

  static async open(browser: Browser, base: string, options: PageOptions = {}) {
    const { theme = "light", width = 1280, isMotionReduced = true } = options;
    const context = await browser.newContext({
      viewport: { width, height: width === 390 ? 844 : 800 },
      colorScheme: theme,
      reducedMotion: isMotionReduced ? "reduce" : "no-preference",
    });
    return new DashboardPage(context, await context.newPage(), base);
  }

  private constructor(context: BrowserContext, page: Page, base: string) {
    this.page = page;
    this.#context = context;
    this.#base = base;
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      const isOfNetwork = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isOfNetwork) this.complaints.push(message.text());
    });
    page.on("request", (request) => this.requests.push(request.url()));
  }

  async close(): Promise<void> {
    await this.#context.close();
  }

  /** Resolves when the view shows figures. */
  async go(path: string): Promise<void> {
    await this.page.goto(this.#base + path);
    await this.ready();
  }

  /** Opens a view, and resolves with the answer of the API that it shows. */
  async goFor<T>(path: string, question: RegExp): Promise<T> {
    const answered = this.page.waitForResponse((response) => question.test(response.url()));
    await this.go(path);
    return (await (await answered).json()) as T;
  }

  /** Resolves when nothing is awaited any more: the view is loaded and no part of it is a skeleton. */
  async ready(): Promise<void> {
    await this.page
      .locator("main:has(h1, .empty, .login):not(:has(.skeleton))")
      .waitFor({ state: "attached" });
  }

  /** The words of the first such element as a reader sees them, with single spaces. */
  async text(selector: string): Promise<string> {
    return await this.textOf(this.page.locator(selector));
  }

  async textOf(locator: Locator): Promise<string> {
    await locator.first().waitFor();
    const [text = ""] = await locator.allInnerTexts();
    return text.replaceAll(/\s+/g, " ").trim();
  }

  /** The cells of a table by their column's title, row by row. */
  async rows(label: string): Promise<readonly Readonly<Record<string, string>>[]> {
    return await this.page.evaluate(`
      [...document.querySelectorAll('table[aria-label="${label}"] tbody tr')].map((row) =>
        Object.fromEntries([...row.cells].map((cell) => [
          cell.dataset.title,
          cell.innerText.replaceAll(/\\s+/g, " ").trim(),
        ])))`);
  }

  /** Fails on what keeps people from using the page. */
  async assertAccessible(what: string): Promise<void> {
    await this.page.evaluate(AXE);
    const violations = await this.page.evaluate<readonly AxeViolation[]>(
      `axe.run({ runOnly: ${JSON.stringify(AXE_TAGS)} }).then((result) => result.violations)`,
    );
    const serious = violations.filter(
      ({ impact }) => impact === "serious" || impact === "critical",
    );
    assert.deepEqual(
      serious.map(({ id, nodes }) => [
        id,
        nodes.map(({ html, failureSummary }) => [html, failureSummary]),
      ]),
      [],
      what,
    );
  }

  /** Nothing sticks out at the side: nobody scrolls in two directions to read (WCAG 1.4.10). */
  async assertFits(what: string): Promise<void> {
    const [content, window] = await this.page.evaluate<readonly [number, number]>(
      "[document.documentElement.scrollWidth, innerWidth]",
    );
    assert.ok(content <= window, `${what} is ${content} pixels wide in a window of ${window}`);
  }

  assertQuiet(): void {
    assert.deepEqual(this.complaints, []);
    assert.deepEqual(
      this.requests.filter((url) => !url.startsWith(this.#base) && !url.startsWith("data:")),
      [],
      "everything comes from the control plane",
    );
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  }
}
