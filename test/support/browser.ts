/**
 * A real browser for tests: Chromium as the system has it (Debian's package `chromium`, or what TULLE_CHROMIUM names),
 * driven by playwright-core. Tests that need it are skipped with the reason where there is none, and fail instead when CI
 * is set.
 */
import { accessSync, constants } from "node:fs";
import type { Browser } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const ARGUMENTS = [
  // As root, and in containers without user namespaces, there is no sandbox to be had.
  "--no-sandbox",
  // Nothing but what a test asks for: no updates, no lists, no guesses at what comes next.
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-sync",
  "--no-first-run",
];

/** The path of a browser, or why there is none. */
export function findBrowser(): { readonly path?: string; readonly reason?: string } {
  const named = process.env["TULLE_CHROMIUM"];
  const places = named === undefined ? PLACES : [named];
  const path = places.find(isExecutable);
  return path === undefined ? { reason: `no browser: there is no ${places[0]}` } : { path };
}

/** For use before tests are declared: says loudly what is skipped; throws instead when CI=true. */
export function browserOrSkip(): { readonly path?: string; readonly skip: string | false } {
  const { path, reason } = findBrowser();
  if (path !== undefined) return { path, skip: false };
  if (process.env["CI"] === "true") throw new Error(`CI never skips this suite; ${reason}`);
  console.error(`SKIPPED, not passed: ${reason}`);
  return { skip: reason ?? "no browser" };
}

/** The caller closes it. */
export async function startBrowser(path: string): Promise<Browser> {
  // Loaded here, so that those who skip do without.
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: path, args: ARGUMENTS });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
