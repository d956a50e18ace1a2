/**
 * Every view in a real Chromium, over a mesh whose figures are known: what it shows is what the API says, in both themes and
 * both widths, readable for everybody, from one origin. The same over a real mesh is in `mesh.test.ts`.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { traceIdOf } from "./fixture-mesh.ts";
import { assertReadable, LOOKS, TIMEOUT, ViewsSuite } from "./views-suite.ts";

const TRACE = `/traces/${traceIdOf(0)}`;
const VIEWS = {
  overview: "/",
  services: "/services",
  cards: "/services?show=cards",
  service: "/services/default/payment",
  errors: "/errors",
  traces: "/traces",
  trace: TRACE,
};

const suite = new ViewsSuite();
const { skip } = suite;
const withPage: ViewsSuite["withPage"] = (options, use) => suite.withPage(options, use);

describe("each view", { skip }, () => {
  for (const { theme, width } of LOOKS) {
    test(`is readable for everybody, ${theme}, ${width}`, TIMEOUT, () =>
      withPage({ theme, width }, async (page) => {
        for (const [name, address] of Object.entries(VIEWS)) {
          await page.go(address);
          await assertReadable(page, name, { theme, width });
        }
      }),
    );
  }

  test("the navigation opens on a phone", TIMEOUT, () =>
    withPage({ theme: "dark", width: 390 }, async (page) => {
      await page.go("/");
      await page.page.getByRole("button", { name: "Open the navigation" }).click();
      await page.assertAccessible("the navigation on a phone");
      await page.page.getByRole("dialog").getByRole("link", { name: "Errors" }).click();
      await page.ready();
      assert.equal(await page.text("h1"), "Errors");
    }),
  );

  test("says which command shows the same", TIMEOUT, () =>
    withPage({}, async (page) => {
      const commands: string[] = [];
      for (const address of Object.values(VIEWS)) {
        await page.go(address);
        commands.push(await page.text(".cli code"));
      }
      assert.deepEqual(commands, [
        ...["tulle stat", "tulle stat", "tulle stat", "tulle stat payment"],
        ...["tulle errors", "tulle trace", `tulle trace ${traceIdOf(0)}`],
      ]);
      await page.go("/services?since=1h");
      assert.equal(await page.text(".cli code"), "tulle stat --since 1h");
    }),
  );
});

describe("what the views show", { skip }, () => {
  test("the overview opens on what is wrong", TIMEOUT, () =>
    withPage({}, async (page) => {
      const overview = suite.server.mesh.overview();
      await page.go("/");
      assert.equal(await page.text("h1"), overview.summary);
      const problems = await page.page.locator(".problem a, .problem strong").allInnerTexts();
      assert.deepEqual(
        problems,
        overview.problems.map(({ message }) => message),
      );
      const { total, failing, degraded, healthy, idle } = overview.services;
      assert.equal(
        await page.text(".health-counts"),
        `${total} in all ${failing} failing ${degraded} degraded ${healthy} healthy ${idle} idle`,
      );
      assert.match(
        await page.text(".tiles"),
        /Requests\/s 840 756,000 in all Errors 2\.1% 15,876 failed/,
      );
      assert.match(
        await page.text(".overview-side"),
        /19 connected 1 stale.*99\.7% of requests.*in 17 h/,
      );
      assert.equal(await page.page.locator(".honeycomb a").count(), total);
    }),
  );

  test("the table of services has every figure, and the past of each", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/services");
      const rows = await page.rows("Services");
      assert.equal(rows.length, suite.server.mesh.services.length);
      assert.deepEqual(rows[0], {
        Service: "payment Failing",
        "Requests/s": "160",
        Errors: "31%",
        Mean: "31 ms",
        P50: "24 ms",
        P90: "58 ms",
        P99: "122 ms",
        CPU: rows[0]?.["CPU"] ?? "",
        Memory: "183 MB 162 MB",
        Instances: "1/3 1 out",
      });
      assert.match(rows[0]?.["CPU"] ?? "", /^\d+(\.\d)?% \d+(\.\d)?%$/);
      const idle = rows.find(({ Service }) => Service === "legacy-erp Idle");
      assert.equal(idle?.["P99"], "–", "what is not known is no zero");
      // Six of requests; app and sidecar for processor and memory.
      assert.equal(await page.page.locator("tbody tr").first().locator(".spark").count(), 10);
    }),
  );

  test("services are found, filtered and sorted, and the address keeps it", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/services");
      await page.page.keyboard.press("/");
      await page.page.keyboard.type("rch");
      await page.page.locator("tbody tr").nth(1).waitFor({ state: "detached" });
      assert.deepEqual(
        (await page.rows("Services")).map(({ Service }) => Service),
        ["search Healthy"],
      );
      await page.go("/services?health=healthy");
      assert.equal((await page.rows("Services")).length, 8);
      await page.page.getByRole("button", { name: "P99" }).click();
      assert.match(page.page.url(), /sort=-p99/);
      assert.equal(await page.text("th[aria-sort=descending]"), "P99");
      const p99 = (await page.rows("Services")).map(({ P99 = "" }) => Number.parseFloat(P99));
      assert.deepEqual(
        p99,
        p99.toSorted((a, b) => b - a),
      );
    }),
  );

  test("a service's page has charts, routes, instances and neighbours", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/services/default/payment");
      assert.match(
        await page.text(".strip"),
        /Requests\/s 160 Errors 31% Mean 31 ms.*Instances 1\/3/,
      );
      assert.equal(await page.page.locator(".chart-frame canvas").count(), 2);
      const summary = await page.page.locator("figcaption").last().textContent();
      assert.match(summary ?? "", /^Latency percentiles\. P99: \d+ ms last, between/);
      await page.page.getByText("As a table").first().click();
      await page.page.getByRole("table", { name: "Requests per second" }).waitFor();
      const first = await page.rows("Requests per second");
      assert.equal(first.length, 45, "each step of the series");
      assert.match(await page.text(".numbered-events"), /1 payment-2 was put out.*2 HTTPRoute/);
      const instances = await page.rows("Instances");
      assert.deepEqual(
        instances.map((row) => row["Instance"]),
        ["payment-1 healthy", "payment-2 unhealthy, put out", "payment-3 unhealthy"],
      );
      assert.equal(instances[0]?.["Memory sidecar"], "54 MB");
      const callers = suite.server.mesh.edges.filter(
        ({ destination }) => destination.name === "payment",
      );
      assert.equal((await page.rows("Called by")).length, callers.length);
      assert.deepEqual(
        (await page.rows("Versions")).map(({ Version, Share }) => `${Version} ${Share}`),
        ["v1 90%", "v2 10%"],
      );
    }),
  );

  test("rings in the heat map open their trace", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/services/default/payment");
      const links = page.page.locator(".exemplars a");
      assert.deepEqual(await links.allInnerTexts(), [
        "640 ms",
        "220 ms",
        "95 ms",
        "41 ms",
        "14 ms",
      ]);
      const canvas = page.page.locator("canvas.heatmap");
      const box = await canvas.boundingBox();
      assert.ok(box);
      // The ring of the third step: 14 ms, in the bucket of 10 to 25 ms, the third of ten that are used.
      const column = (box.width - 62) / 45;
      const cell = 142 / 10;
      await canvas.click({ position: { x: 56 + 3.5 * column, y: 156 - (3 + 4 / 15) * cell } });
      await page.ready();
      assert.match(page.page.url(), new RegExp(`/traces/${traceIdOf(0)}$`));
    }),
  );

  test("a range that is dragged out of a chart holds for all views", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/services/default/payment");
      const box = await page.page.locator(".u-over").first().boundingBox();
      assert.ok(box);
      const { mouse } = page.page;
      await mouse.move(box.x + 80, box.y + 40);
      await mouse.down();
      await mouse.move(box.x + 220, box.y + 60, { steps: 4 });
      await mouse.up();
      await page.page.getByRole("button", { name: "Back to live" }).waitFor();
      assert.match(page.page.url(), /from=2026-11-26T10%3A1.*&to=2026-11-26T10%3A2/);
      await page.page.getByRole("link", { name: "Errors", exact: true }).click();
      await page.ready();
      assert.match(page.page.url(), /\/errors\?from=.*&to=/);
      assert.ok(page.requests.some((url) => /\/telemetry\/errors\?from=2026-11-26T10/.test(url)));
    }),
  );

  test("errors are counted by kind, explained, and lead to their requests", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/errors");
      const [first, second] = await page.rows("Kinds of errors");
      assert.match(first?.["Flag and what it means"] ?? "", /^UO The circuit breaker was open/);
      assert.equal(first?.["Requests"], "14,208");
      assert.equal(second?.["Flag and what it means"], "- The app itself answered so.");
      await page.page.locator("tbody").getByRole("button", { name: "Requests" }).first().click();
      assert.match(page.page.url(), /service=default%2Fpayment&flag=UO/);
      await page.ready();
      assert.ok(
        page.requests.some((url) => /logs\?.*service=payment&status=5xx&flag=UO/.test(url)),
      );
      const line = page.page.locator(".log-line").first();
      await line.locator("summary").click();
      assert.match(await page.textOf(line), /upstream_overflow/);
      await line.getByRole("link", { name: "Open the trace" }).click();
      await page.ready();
      assert.equal(await page.text("h1"), "POST /checkout");
    }),
  );

  test("a trace shows who called whom, what failed and what was tried again", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go(TRACE);
      assert.match(
        await page.text(".trace-facts"),
        /from storefront took 212 ms.*9 spans in 4 services 1 retry/,
      );
      assert.match(await page.text(".hint"), /recommendations does not pass on trace context/);
      const spans = page.page.locator(".span-row");
      assert.equal(await spans.count(), 9);
      assert.equal(await page.page.locator(".span-row.is-error").count(), 4);
      const last = spans.last();
      await last.getByRole("button").click();
      assert.match(await page.textOf(last), /tulle\.response_flags UO.*breaker open/);
      assert.equal(await page.page.locator(".log-line").count(), 2);
    }),
  );
});

describe("getting about", { skip }, () => {
  test(
    "from the overview to the failing service, its route and a trace in four clicks",
    TIMEOUT,
    () =>
      withPage({}, async (page) => {
        await page.go("/");
        await page.page.getByRole("link", { name: "payment fails" }).click();
        await page.ready();
        assert.equal(await page.text("h1"), "payment");
        await page.page.getByRole("button", { name: "POST /charges/*" }).click();
        assert.match(
          await page.text('[aria-label="Failing requests"] .panel-note'),
          /of default\/payment charge/,
        );
        await page.page
          .getByRole("link", { name: /^Open the trace/ })
          .first()
          .click();
        await page.ready();
        assert.equal(await page.page.locator(".span-row.is-error").count(), 4);
        await page.page.goBack();
        await page.ready();
        assert.equal(await page.text("h1"), "payment");
      }),
  );

  test("by keys alone", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/");
      const { keyboard } = page.page;
      await keyboard.press("g");
      await keyboard.press("s");
      await page.page.waitForURL(/\/services$/);
      await page.ready();
      assert.equal(await page.page.evaluate("document.activeElement.id"), "page-title");
      await page.page.locator("tbody a").first().focus();
      await keyboard.press("ArrowDown");
      assert.equal(await page.page.evaluate("document.activeElement.innerText"), "checkout");
      await keyboard.press("Enter");
      await page.page.waitForURL(/\/services\/default\/checkout$/);
      await keyboard.press("?");
      await page.page.getByRole("dialog", { name: "Keys" }).waitFor();
      await page.assertAccessible("the list of keys");
      await keyboard.press("Escape");
      await page.page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "hidden" });
    }),
  );

  test("the theme is chosen, kept, and there before the first paint", TIMEOUT, () =>
    withPage({}, async (page) => {
      const background = () =>
        page.page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
      await page.go("/");
      const light = await background();
      await page.page.getByRole("button", { name: /^Theme/ }).click();
      await page.page.getByRole("button", { name: /^Theme: light/ }).click();
      // Not waitForFunction: that evaluates in the page, which its content security policy forbids.
      let dark = await background();
      while (dark === light) dark = await background();
      await page.page.goto(`${suite.server.url}/services`, { waitUntil: "domcontentloaded" });
      assert.equal(await background(), dark);
    }),
  );

  test("an address that is no view, and a service that is not there, are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/nowhere");
      assert.match(await page.text("main"), /There is no such view/);
      await page.go("/services/default/nobody");
      assert.match(await page.text("main .failure"), /there is no such service/);
    }),
  );
});

describe("when the API does not answer", { skip }, () => {
  after(() => {
    if (skip === false) suite.server.refusal = undefined;
  });

  test("old figures stay, with the reason above them", TIMEOUT, () =>
    withPage({}, async (page) => {
      suite.server.refusal = undefined;
      await page.go("/services");
      suite.server.refusal = { status: 503, message: "the control plane is starting" };
      await page.page.getByRole("button", { name: "Pause live figures" }).click();
      await page.page.getByRole("button", { name: "Go on with live figures" }).click();
      await page.page.getByRole("alert").waitFor();
      assert.match(await page.text(".failure"), /the control plane is starting.*try again/);
      assert.equal((await page.rows("Services")).length, suite.server.mesh.services.length);
      await page.assertAccessible("a failure");
      suite.server.refusal = undefined;
      await page.page.getByRole("button", { name: "Try again" }).click();
      await page.page.getByRole("alert").waitFor({ state: "detached" });
    }),
  );

  test("a token is asked for, kept in the tab and shown to the API alone", TIMEOUT, () =>
    withPage({}, async (page) => {
      suite.server.refusal = { status: 401, message: "a token is needed" };
      await page.go("/");
      assert.equal(await page.text("h1"), "Who are you?");
      await page.assertAccessible("the login");
      await page.page.getByLabel("Token").fill("tulle_good");
      await page.page.getByRole("button", { name: "Show the dashboard" }).click();
      await page.page.getByText("1 of 11 services fails").waitFor();
      assert.equal(await page.page.evaluate("localStorage.length"), 0);
      await page.page.reload();
      await page.ready();
      assert.equal(await page.text("h1"), "1 of 11 services fails");
      suite.server.refusal = undefined;
    }),
  );

  test("tulle dashboard hands the token over, and the address forgets it", TIMEOUT, () =>
    withPage({}, async (page) => {
      suite.server.refusal = { status: 401, message: "a token is needed" };
      await page.go("/#token=tulle_good");
      assert.equal(await page.text("h1"), "1 of 11 services fails");
      assert.equal(page.page.url(), `${suite.server.url}/`);
      suite.server.refusal = undefined;
    }),
  );
});
