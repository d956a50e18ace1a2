import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Hono } from "hono";
import type { AdminEnv } from "./admin-env.ts";
import { type DashboardFile, DashboardFiles } from "./dashboard-files.ts";
import { dashboardFront } from "./dashboard-front.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-dashboard-"));
const MAIN = "/assets/main-ABCDEFGH.js";

function file(path: string, more: Partial<DashboardFile> = {}): DashboardFile {
  return {
    ...{ path, type: "text/plain", hash: "h1", isCompressed: true, isImmutable: false },
    ...more,
  };
}

function publish(files: readonly DashboardFile[]): void {
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(files));
}

function createApp(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(dashboardFront(new DashboardFiles(folder)));
  app.get("/metrics", (context) => context.text("metrics"));
  app.notFound((context) => context.text("api", 404));
  return app;
}

const html = { accept: "text/html,*/*;q=0.8" };

before(() => {
  mkdirSync(join(folder, "assets"));
  for (const path of ["index.html", MAIN]) {
    for (const suffix of ["", ".gz", ".br"]) writeFileSync(join(folder, path + suffix), path);
  }
});

after(() => rmSync(folder, { recursive: true }));

test("what is not built is said, and the API works all the same", async () => {
  const app = createApp();
  const page = await app.request("/");
  assert.equal(page.status, 503);
  assert.match(await page.text(), /not built/);
  assert.equal((await app.request("/metrics", { headers: html })).status, 200);
});

test("every address of a view is the page, and the API's are not", async () => {
  publish([file("/index.html"), file(MAIN, { isImmutable: true, hash: "h2" })]);
  const app = createApp();
  for (const path of ["/", "/services/default/catalog", "/traces/abc"]) {
    const page = await app.request(path, { headers: html });
    assert.equal(page.status, 200, path);
    assert.equal(page.headers.get("cache-control"), "no-cache");
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.doesNotMatch(page.headers.get("content-security-policy") ?? "", /unsafe|https?:/);
  }
  assert.equal((await app.request("/")).status, 200, "the root, whatever is accepted");
  assert.equal(await (await app.request("/metrics", { headers: html })).text(), "metrics");
  for (const path of ["/api/v1/nothing", "/healthz"]) {
    assert.equal(await (await app.request(path, { headers: html })).text(), "api", path);
  }
  assert.equal(await (await app.request("/services")).text(), "api", "no browser asks");
  assert.equal((await app.request("/", { method: "POST" })).status, 404);
});

test("files are compressed as accepted, each form with its own tag", async () => {
  const app = createApp();
  const forms = [
    ["gzip, deflate, br, zstd", "br", '"h2.br"'],
    ["gzip", "gzip", '"h2.gz"'],
    ["br;q=0, gzip", "gzip", '"h2.gz"'],
    ["", null, '"h2"'],
  ] as const;
  for (const [accepted, coding, tag] of forms) {
    const answer = await app.request(MAIN, { headers: { "accept-encoding": accepted } });
    assert.equal(answer.headers.get("content-encoding"), coding, accepted);
    assert.equal(answer.headers.get("etag"), tag);
    assert.equal(answer.headers.get("vary"), "accept-encoding");
    assert.match(answer.headers.get("cache-control") ?? "", /immutable/);
  }
});

test("who has it already gets nothing", async () => {
  const app = createApp();
  const known = { "if-none-match": 'W/"other", "h1.br"', "accept-encoding": "br" };
  const answer = await app.request("/", { headers: known });
  assert.equal(answer.status, 304);
  assert.equal(await answer.text(), "");
  const other = { "if-none-match": '"h1.gz"', "accept-encoding": "br" };
  assert.equal((await app.request("/", { headers: other })).status, 200);
});

test("a file that is not listed does not exist, wherever its path leads", async () => {
  writeFileSync(join(folder, "assets", "secret.txt"), "secret");
  const app = createApp();
  for (const path of ["/assets/secret.txt", "/assets/../manifest.json", "/assets/%2e%2e/x"]) {
    const answer = await app.request(path);
    assert.doesNotMatch(await answer.text(), /secret|hash/, path);
  }
});

test("a new build is taken up without a restart", async () => {
  const app = createApp();
  assert.equal((await app.request("/")).headers.get("etag"), '"h1"');
  publish([file("/index.html", { hash: "h9" })]);
  // The clock of some file systems is coarse.
  const { utimesSync } = await import("node:fs");
  utimesSync(join(folder, "manifest.json"), new Date(), new Date(Date.now() + 5_000));
  assert.equal((await app.request("/")).headers.get("etag"), '"h9"');
});
