/** What tests of views share: one browser and one fixture for a file, a page for each test, and answers of the API that the fixture does not give. */
import { after, before } from "node:test";
import type { Browser } from "playwright-core";
import { browserOrSkip, startBrowser } from "../support/browser.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { DashboardPage, ensureDashboard, type PageOptions } from "./dashboard-page.ts";
import { FixtureServer } from "./fixture-server.ts";

/** Of a day that is over, so that pictures do not change. */
export const NOW_MS = Date.UTC(2026, 10, 26, 10, 30);
/** A page may be slow where many work. */
export const TIMEOUT = { timeout: 120_000 } as const;
/** An answer of an API that is not well. */
export const OUTAGE = {
  error: { code: "unavailable", message: "it is starting", hint: "try again" },
};

type Look = Required<Pick<PageOptions, "theme" | "width">>;

/** Each theme and each width; at full size each with each. */
export const LOOKS: readonly Look[] = [
  { theme: "light", width: 1280 },
  { theme: "dark", width: 390 },
  ...(IS_FULL_SIZE
    ? ([
        { theme: "dark", width: 1280 },
        { theme: "light", width: 390 },
      ] as const)
    : []),
];

export class ViewsSuite {
  /** For `describe`. */
  readonly skip: string | false;
  #browser: Browser | undefined;
  #server: FixtureServer | undefined;

  /** To be called before tests are declared. */
  constructor({ nowMs = NOW_MS }: { readonly nowMs?: number } = {}) {
    const { path, skip } = browserOrSkip();
    this.skip = skip;
    before(async () => {
      if (path === undefined) return;
      await ensureDashboard();
      this.#server = await FixtureServer.start({ nowMs });
      this.#browser = await startBrowser(path);
    });
    after(async () => {
      await this.#browser?.close();
      this.#server?.close();
    });
  }

  get server(): FixtureServer {
    if (this.#server === undefined)
      throw new Error("there is no fixture where there is no browser");
    return this.#server;
  }

  /** A page of its own, which must have had nothing to complain of in the end. */
  async withPage(options: PageOptions, use: (page: DashboardPage) => Promise<void>): Promise<void> {
    if (this.#browser === undefined) throw new Error("there is no browser");
    const page = await DashboardPage.open(this.#browser, this.server.url, options);
    try {
      await use(page);
      page.assertQuiet();
    } finally {
      await page.close();
    }
  }
}

/** The words of a view over an answer of the API that the fixture does not give. */
export async function withAnswer(
  page: DashboardPage,
  address: string,
  { question, status, body }: { question: string; status: number; body: object },
): Promise<string> {
  await page.page.route(question, (route) => route.fulfill({ status, json: body }));
  await page.go(address);
  return await page.text("main");
}

/** That everybody can read what is open, which is kept as a picture under its name. */
export async function assertReadable(page: DashboardPage, name: string, look: Look): Promise<void> {
  const { theme, width } = look;
  await page.assertFits(name);
  await page.assertAccessible(`${name}, ${theme}, ${width}`);
  await page.screenshot(`${name}-${theme}-${width}`);
}
