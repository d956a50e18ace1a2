/** The views of rollouts in a real Chromium: what they show is what the API says, and what is to be done is seen before. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatShare } from "../../dashboard/core/format.ts";
import type { RolloutView } from "../../src/control-plane/rollout-types.ts";
import type { DashboardPage } from "./dashboard-page.ts";
import { whoAmI } from "./fixture-control.ts";
import { rolloutsOf } from "./fixture-rollouts.ts";
import { assertReadable, LOOKS, OUTAGE, TIMEOUT, ViewsSuite, withAnswer } from "./views-suite.ts";

const ADDRESS = "/rollouts/default/catalog";
const QUESTION = /\/api\/v1\/rollouts\/default\/\w+$/;
const VIEWS = {
  rollouts: "/rollouts",
  rollout: ADDRESS,
  "rollout-failed": "/rollouts/default/search",
  "rollout-paused": "/rollouts/default/cart",
};
/** Now, so that pictures tell ages of minutes. */
const suite = new ViewsSuite({ nowMs: Date.now() });
const { skip } = suite;
const withPage: ViewsSuite["withPage"] = (options, use) => suite.withPage(options, use);

describe("each view of rollouts", { skip }, () => {
  for (const { theme, width } of LOOKS) {
    test(`is readable for everybody, ${theme}, ${width}`, TIMEOUT, () =>
      withPage({ theme, width }, async (page) => {
        for (const [name, address] of Object.entries(VIEWS)) {
          await page.go(address);
          await assertReadable(page, name, { theme, width });
        }
        await page.go(ADDRESS);
        await page.page.getByRole("button", { name: "Promote …", exact: true }).click();
        await page.page.getByRole("dialog").waitFor();
        await assertReadable(page, "rollout-action", { theme, width });
      }),
    );
  }
});

describe("the list of rollouts", { skip }, () => {
  test(
    "has those first that want somebody, with step, weights, gate and who began it",
    TIMEOUT,
    () =>
      withPage({}, async (page) => {
        await page.go("/rollouts");
        assert.equal(await page.text(".cli code"), "tulle get rollouts");
        const rows = await page.rows("Rollouts");
        assert.equal(rows.length, rolloutsOf(suite.server.mesh).length);
        assert.deepEqual(
          rows.map((row) => row["Rollout"]),
          ["search Rolled back", "cart Paused", "catalog Progressing", "users Succeeded"],
        );
        const [search, cart, catalog, users] = rows;
        assert.equal(search?.["Step"], "ended in 2 of 3");
        assert.equal(search["Canary gets"], "0% 25% observed");
        assert.equal(search["Gates"], "request-success-rate 93.1 %, at least 99 % is allowed");
        assert.equal(cart?.["Versions"], "cart-v1 → cart-v2 Blue/green");
        assert.equal(cart["Canary gets"], "0% – observed", "what is not known is no zero");
        assert.match(cart["Gates"] ?? "", /until promoted/);
        assert.match(cart["Began"] ?? "", /min ago by bob$/);
        assert.match(catalog?.["Step"] ?? "", /^2 of 3, since \d+ min ago$/);
        assert.match(catalog?.["Gates"] ?? "", /^2 gates passed 25 % to catalog-v2 for 5m$/);
        assert.equal(users?.["Step"], "all 3");
        assert.match(users["Began"] ?? "", /as its object says$/);
      }),
  );

  test("is narrowed by phase and by name, and leads to each", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/rollouts?q=ca");
      assert.equal((await page.rows("Rollouts")).length, 2);
      await page.page.getByRole("button", { name: /^Paused/ }).click();
      assert.equal((await page.rows("Rollouts")).length, 1);
      assert.match(page.page.url(), /q=ca&phase=Paused/);
      await page.page.getByRole("link", { name: "cart", exact: true }).click();
      await page.ready();
      assert.equal(await page.text("h1"), "cart");
    }),
  );

  test("none and no answer are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      const question = "**/api/v1/resources/rollouts";
      const body = { kind: "Rollout", apiVersion: "", revision: 1, items: [] };
      const none = await withAnswer(page, "/rollouts", { question, status: 200, body });
      assert.match(none, /Nothing is rolled out/);
      const failed = await withAnswer(page, "/rollouts", { question, status: 503, body: OUTAGE });
      assert.match(failed, /it is starting/);
    }),
  );
});

/** Of each such element. */
async function words(page: DashboardPage, selector: string): Promise<readonly string[]> {
  const texts = await page.page.locator(selector).allInnerTexts();
  return texts.map((text) => text.replaceAll(/\s+/g, " ").trim());
}

describe("one rollout", { skip }, () => {
  test("shows where it stands, what the gates say and how both versions do", TIMEOUT, () =>
    withPage({}, async (page) => {
      const view = await page.goFor<RolloutView>(ADDRESS, QUESTION);
      assert.equal(await page.text(".cli code"), "tulle rollout status catalog");
      assert.equal(await page.text("header .status"), "Progressing");
      const { state, looks } = view;
      assert.ok(state);
      assert.equal(await page.text(".rollout-head h2"), state.message);
      // Of another answer.
      await page.page.locator(".rollout-head p", { hasText: "who wrote it" }).waitFor();
      assert.match(
        await page.text(".rollout-head p"),
        /^Canary of catalog, from catalog-v1 to catalog-v2 · step 2 of 3 since \d+ min ago · run 2 began \d+ min ago, by token ci, who wrote it$/,
      );
      assert.deepEqual(await words(page, ".step"), [
        "5% for 2 min done",
        "25% for 5 min now",
        "50% until promoted ahead",
        "100% every request ahead",
      ]);
      assert.equal(await page.page.locator('[aria-current="step"]').count(), 1);
      const gate = page.page.getByRole("region", { name: "request-success-rate" });
      assert.match(
        await page.textOf(gate),
        /^request-success-rate Passed 99\.9 % at least 99 % in this step 17 passed, 0 failed/,
      );
      const own = looks.filter(({ gate: name }) => name === "request-success-rate");
      assert.equal(await gate.locator(".gate-passed").count(), own.length);
      assert.equal(await page.textOf(gate.locator(".gate-limit-text")), "at least 99 %");
      assert.equal(await gate.locator(".gate-step").count(), 1, "where the second step began");
      await gate.getByText("As a table").click();
      await gate.getByRole("table").waitFor();
      const rows = await page.rows("Looks at request-success-rate");
      assert.equal(rows.length, own.length);
      assert.equal(rows[0]?.["Step"], "2");
      assert.equal(
        Number.parseFloat(rows[0]?.["Value"] ?? ""),
        Number(own.at(-1)?.value.toFixed(1)),
      );
      const versions = await words(page, ".versions tbody tr");
      assert.deepEqual(versions.slice(0, 3), [
        "Weight 75% 25%",
        "Observed 75% 25%",
        "In this step 9,120 requests, 4 failed 3,044 requests, 2 failed",
      ]);
      assert.match(versions[3] ?? "", /^Requests\/s [\d.]+ [\d.]+$/);
      assert.equal(versions[4], `Success ${formatShare(1 - 0.0004)} ${formatShare(1 - 0.0007)}`);
    }),
  );

  test("tells what happened, the newest first, and by whom", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(ADDRESS);
      const lines = await words(page, ".rollout-events li");
      assert.equal(lines.length, 6);
      assert.match(lines[0] ?? "", /^Went on to step 2 of 3: 25 % to catalog-v2/);
      assert.match(lines[1] ?? "", /^Resumed by command .* · by alice$/);
      assert.match(
        lines[5] ?? "",
        /^Object changed updated: spec\.canaryService .* · by token ci$/,
      );
      await page.go("/rollouts/default/search");
      assert.match(
        await page.text(".rollout-events li"),
        /^Rolled back: a gate failed request-success-rate is 93\.1 %/,
      );
    }),
  );

  test("shows the gate that failed and the step where it ended", TIMEOUT, () =>
    withPage({}, async (page) => {
      const { looks } = await page.goFor<RolloutView>("/rollouts/default/search", QUESTION);
      assert.match((await words(page, ".step"))[1] ?? "", /failed here$/);
      const failed = looks.filter(({ verdict }) => verdict === "Failed").length;
      assert.ok(failed > 0);
      assert.equal(await page.page.locator(".gate-failed").count(), failed);
    }),
  );

  test("what is to be done is seen before, and then done", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(ADDRESS);
      const buttons = page.page.locator(".rollout-actions > button");
      assert.deepEqual(await buttons.allInnerTexts(), [
        ...["Promote …", "Promote all the way …", "Pause …", "Abort …"],
      ]);
      await buttons.first().click();
      const dialog = page.page.getByRole("dialog", { name: "Promote: catalog" });
      assert.match(await page.textOf(dialog), /The next step begins now: 50 % to catalog-v2/);
      assert.deepEqual(
        (await dialog.locator(".rollout-weights li").allInnerTexts()).map((text) =>
          text
            .replaceAll(/\s+/g, " ")
            .replace(/[\d.]+ → [\d.]+ requests/, "… requests")
            .trim(),
        ),
        ["catalog-v1 stable 75% → 50% … requests/s", "catalog-v2 canary 25% → 50% … requests/s"],
      );
      assert.deepEqual(await dialog.locator(".diff-removed, .diff-added").allTextContents(), [
        "-     currentStepIndex: 1\n",
        "+     currentStepIndex: 2\n",
        "-       stable: 75\n",
        "-       canary: 25\n",
        "+       stable: 50\n",
        "+       canary: 50\n",
      ]);
      assert.equal(await page.textOf(dialog.locator(".cli code")), "tulle rollout promote catalog");
      const posted = page.page.waitForRequest(/\/rollouts\/default\/catalog\/actions$/);
      await dialog.getByRole("button", { name: "Promote", exact: true }).click();
      assert.deepEqual((await posted).postDataJSON(), { action: "promote" });
      await dialog.waitFor({ state: "detached" });
      assert.equal(await page.text(".rollout-outcome"), "Done: 50 % to catalog-v2 until promoted.");
    }),
  );

  test("escape leaves it undone", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(ADDRESS);
      await page.page.getByRole("button", { name: "Abort …" }).click();
      const dialog = page.page.getByRole("dialog", { name: "Abort: catalog" });
      assert.match(await page.textOf(dialog), /catalog-v1 gets every request at once/);
      await page.page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      assert.ok(!page.requests.some((url) => url.endsWith("/actions")));
    }),
  );

  test("a refusal is said, and who may not act has the command", TIMEOUT, () =>
    withPage({}, async (page) => {
      const error = { code: "conflict", message: "it has succeeded", hint: "undo goes back" };
      await page.page.route("**/rollouts/default/catalog/actions", (route) =>
        route.fulfill({ status: 409, json: { error } }),
      );
      await page.go(ADDRESS);
      await page.page.getByRole("button", { name: "Pause …" }).click();
      const dialog = page.page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Pause", exact: true }).click();
      await dialog.getByText("it has succeeded. undo goes back").waitFor();
      const viewer = { ...whoAmI(), name: "bob", role: "viewer", writableKinds: [] };
      await page.page.route("**/api/v1/whoami", (route) => route.fulfill({ json: viewer }));
      await page.go(ADDRESS);
      await page.page.getByRole("button", { name: "Abort …" }).click();
      await dialog.getByText("bob, whose role viewer may not change a Rollout").waitFor();
      assert.equal(await page.textOf(dialog.locator(".cli code")), "tulle rollout abort catalog");
      assert.equal(await dialog.getByRole("button", { name: "Abort", exact: true }).count(), 0);
    }),
  );

  test("none, no look yet and no answer are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/rollouts/default/nobody");
      await page.page.locator("main .failure").waitFor();
      const question = `**/api/v1${ADDRESS}`;
      const view = await page.goFor<RolloutView>(ADDRESS, QUESTION);
      const problems = [{ type: "Accepted", message: "an older Rollout has the same target" }];
      const body = { ...view, state: null, looks: [], problems };
      const early = await withAnswer(page, ADDRESS, { question, status: 200, body });
      assert.match(early, /an older Rollout has the same target.*Not looked at yet/);
      const failed = await withAnswer(page, ADDRESS, { question, status: 503, body: OUTAGE });
      assert.match(failed, /it is starting/);
    }),
  );
});
