/**
 * The views of what the mesh is told to do, in a real Chromium: routes, tap, proxies, checks. What each shows is
 * what the API of the fixture says, in both themes and both widths.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import type { ApplyRequest } from "../../src/control-plane/api-types.ts";
import type { RoutesResponse } from "../../src/control-plane/telemetry-types.ts";
import { eventually } from "../support/application.ts";
import {
  checksOf,
  proxiesOf,
  REFUSAL,
  routeObject,
  TAPPED,
  TAPPED_MANY,
  whoAmI,
} from "./fixture-control.ts";
import { assertReadable, LOOKS, OUTAGE, TIMEOUT, ViewsSuite, withAnswer } from "./views-suite.ts";

const suite = new ViewsSuite();
const { skip } = suite;
const withPage: ViewsSuite["withPage"] = (options, use) => suite.withPage(options, use);
const VIEWS = {
  routes: "/routes",
  weights: "/routes?q=payment&change=HTTPRoute/default/payment/rule/1/match/0&weights=70,30",
  tap: "/tap?to=payment",
  proxies: "/proxies?proxy=payment-1",
  checks: "/checks",
};

describe("each view", { skip }, () => {
  for (const { theme, width } of LOOKS) {
    test(`is readable for everybody, ${theme}, ${width}`, TIMEOUT, () =>
      withPage({ theme, width }, async (page) => {
        for (const [name, address] of Object.entries(VIEWS)) {
          await page.go(address);
          if (name === "tap") await page.page.getByText(`listening, ${TAPPED} `).waitFor();
          await assertReadable(page, name, { theme, width });
        }
      }),
    );
  }
});

describe("routes", { skip }, () => {
  const CHANGE = "/routes?q=payment&change=HTTPRoute/default/payment/rule";

  test("rules stand in their order with wanted and observed shares", TIMEOUT, () =>
    withPage({}, async (page) => {
      const { routes } = await page.goFor<RoutesResponse>("/routes", /\/telemetry\/routes/);
      assert.equal(await page.page.locator(".rule").count(), routes.length);
      const payment = page.page.getByRole("region", { name: "payment" });
      const rules = payment.locator(".rule");
      assert.match(
        await page.textOf(rules),
        /^1 POST path prefix \/charges HTTPRoute payment, rule 0 Change weights payment-v1 wanted 90% observed 90% payment-v2 wanted 10% observed 9\.8% Requests\/s 160 Errors 31% P99 122 ms$/,
      );
      const bars = await rules
        .first()
        .locator(".share-bar")
        .evaluateAll((bars: { style: { width: string } }[]) => bars.map((bar) => bar.style.width));
      assert.deepEqual(bars, ["90%", "90.2%", "10%", "9.8%"]);
      const off = page.page.getByRole("region", { name: "checkout" }).getByText("off");
      assert.equal(await off.count(), 2, "further off than chance explains");
      assert.match(await page.text(".rule.is-idle"), /observed –.*no traffic$/);
      assert.equal(await page.page.locator(".rule.is-idle").count(), 1);
    }),
  );

  test("other weights are seen before they hold, and then written", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(`${CHANGE}/1/match/0`);
      const panel = page.page.locator(".weights");
      const [v1, v2] = ["payment-v1", "payment-v2"].map((name) =>
        panel.getByRole("spinbutton", { name: `Weight of ${name}` }),
      );
      assert.ok(v1 && v2);
      assert.equal(await v1.inputValue(), "90");
      await v1.fill("60");
      await v2.fill("40");
      await v2.blur();
      await page.page.waitForURL(/weights=60%2C40/);
      assert.deepEqual(
        (await panel.locator(".weight-list li").allInnerTexts()).map((text) =>
          text.replaceAll(/\s+/g, " ").trim(),
        ),
        [
          "payment-v1 90% → 60% 144 → 96.0 requests/s",
          "payment-v2 10% → 40% 16.0 → 64.0 requests/s",
        ],
      );
      assert.deepEqual(await page.page.locator(".diff-removed, .diff-added").allTextContents(), [
        "-           weight: 90\n",
        "+           weight: 60\n",
        "-           weight: 10\n",
        "+           weight: 40\n",
      ]);
      assert.equal(await page.text(".weights .cli code"), "tulle split payment v1=60 v2=40");
      const posted = page.page.waitForRequest(/\/api\/v1\/apply$/);
      await panel.getByRole("button", { name: "Apply" }).click();
      const { files } = (await posted).postDataJSON() as ApplyRequest;
      const expected = routeObject("payment");
      const [, last] = (expected.spec["rules"] as { backendRefs: { weight: number }[] }[]).values();
      assert.deepEqual(parse(files[0]?.text ?? ""), {
        ...{ apiVersion: expected.apiVersion, kind: "HTTPRoute" },
        metadata: { name: "payment", namespace: "default" },
        spec: {
          ...expected.spec,
          rules: [
            (expected.spec["rules"] as object[])[0],
            {
              ...last,
              backendRefs: last?.backendRefs.map((backend, index) => ({
                ...backend,
                weight: [60, 40][index],
              })),
            },
          ],
        },
      });
      assert.match(await page.text(".weights-outcome"), /Written as revision 43/);
    }),
  );

  test("a rule for some requests is written with apply", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(`${CHANGE}/0/match/0&weights=0,0`);
      assert.match(await page.text(".weights [role=alert]"), /every request would fail/);
      await page.go(`${CHANGE}/0/match/0&weights=50,50`);
      assert.match(await page.text(".weights-write"), /tulle apply -f payment\.yaml/);
    }),
  );

  test("who may not write is told what to do", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.page.route("**/api/v1/apply", (route) =>
        route.fulfill({ status: 403, json: { error: { code: "forbidden", message: "no" } } }),
      );
      await page.go(`${CHANGE}/1/match/0&weights=50,50`);
      await page.page.getByRole("button", { name: "Apply" }).click();
      await page.page.getByText("Copy the command and run it").waitFor();
      const viewer = { ...whoAmI(), role: "viewer", writableKinds: [] };
      await page.page.route("**/api/v1/whoami", (route) => route.fulfill({ json: viewer }));
      await page.go(`${CHANGE}/1/match/0&weights=50,50`);
      await page.page.getByText("role viewer may not change a HTTPRoute").waitFor();
      assert.equal(await page.page.getByRole("button", { name: "Apply" }).count(), 0);
    }),
  );

  test("none and no answer are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      const question = "**/api/v1/telemetry/routes*";
      const body = { window: suite.server.mesh.window, routes: [] };
      assert.match(
        await withAnswer(page, "/routes", { question, status: 200, body }),
        /No route, and no request/,
      );
      assert.match(
        await withAnswer(page, "/routes", { question, status: 503, body: OUTAGE }),
        /it is starting/,
      );
    }),
  );
});

describe("tap", { skip }, () => {
  test("five hundred rows are kept, one opens, and the stream ends with the view", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(`/tap?to=payment&status=5xx&path=${TAPPED_MANY.path}`);
      await page.page.getByText("listening, 500 of at most 500 kept").waitFor();
      assert.equal(
        await page.text(".cli code"),
        "tulle tap --to payment --path /many --status 5xx",
      );
      assert.ok(
        page.requests.some((url) =>
          /tap\?destination=default%2Fpayment&path=%2Fmany&status=5xx$/.test(url),
        ),
      );
      const line = page.page.locator(".log-line").first();
      assert.match(await page.textOf(line), /503 POST \/charges\/1000 checkout → payment/);
      await line.locator("summary").click();
      await line.getByRole("link", { name: "Open the trace" }).waitFor();
      await page.page.getByRole("button", { name: "Pause", exact: true }).click();
      await page.page.getByText("paused, 500 of at most 500 kept").waitFor();
      await eventually(async () => suite.server.openTaps === 0 || undefined);
      await page.page.getByRole("button", { name: "Go on", exact: true }).click();
      await page.page.getByText("listening, 500").waitFor();
      await page.page.getByRole("link", { name: "Checks" }).click();
      await page.ready();
      await eventually(async () => suite.server.openTaps === 0 || undefined);
    }),
  );

  test("a stream that ended or was lost is opened again", TIMEOUT, () =>
    withPage({}, async (page) => {
      const question = "**/api/v1/telemetry/tap*";
      await page.page.route(question, (route) =>
        route.fulfill({ contentType: "text/event-stream", body: ": well\n\n" }),
      );
      await page.go("/tap");
      await page.page.getByText("The stream has ended.").waitFor();
      assert.match(await page.text('[aria-label="Requests"] .panel-note'), /^not listening, 0/);
      await page.page.unroute(question);
      await page.page.route(question, (route) => route.abort());
      const retry = page.page.getByRole("button", { name: "Try again" });
      await retry.click();
      await page.page.getByText("The stream was lost.").waitFor();
      await page.page.unroute(question);
      await retry.click();
      await page.page.getByText(`listening, ${TAPPED} of`).waitFor();
      assert.equal(await page.page.getByRole("alert").count(), 0);
    }),
  );

  test("no answer is said", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.page.route("**/api/v1/telemetry/tap*", (route) =>
        route.fulfill({ status: 503, json: OUTAGE }),
      );
      await page.go("/tap");
      await page.page.getByText("it is starting").waitFor();
      assert.match(await page.text("main"), /No request yet/);
    }),
  );
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
      assert.equal(rows.length, proxiesOf(suite.server.mesh).length);
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
      const body = { window: suite.server.mesh.window, proxies: [] };
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
