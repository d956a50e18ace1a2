/**
 * The topology in a real Chromium: what is drawn and listed is what the API says, everybody can read and reach it, figures move
 * nothing, and a large mesh is drawn in parts, without work while nothing happens.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DashboardPage, PageOptions } from "./dashboard-page.ts";
import { type FixtureTopology, largeTopology, shopTopology } from "./fixture-topology.ts";
import { assertReadable, LOOKS, TIMEOUT, ViewsSuite } from "./views-suite.ts";

/** Of a large mesh, from the navigation to nodes: far above what it takes, so that it fails on what never ends. */
const DRAWN_MS_MAX = 10_000;
const LARGE = { services: 200, edges: 2_000 };

const suite = new ViewsSuite();
const { skip } = suite;

function withPage(
  mesh: FixtureTopology,
  use: (page: DashboardPage) => Promise<void>,
  options: PageOptions = {},
): Promise<void> {
  return suite.withPage(options, async (page) => {
    await answer(page, mesh);
    await use(page);
  });
}

async function answer(page: DashboardPage, mesh: FixtureTopology): Promise<void> {
  for (const name of ["services", "edges", "routes"] as const) {
    const body = JSON.stringify(mesh[name]);
    await page.page.unroute(`**/telemetry/${name}*`);
    await page.page.route(`**/telemetry/${name}*`, (route) =>
      route.fulfill({ body, contentType: "application/json" }),
    );
  }
}

/** Asks for figures again, and resolves when they are there. */
async function poll(page: DashboardPage): Promise<void> {
  const answered = Promise.all(
    ["services", "edges", "routes"].map((name) =>
      page.page.waitForResponse(new RegExp(`/telemetry/${name}\\?`)),
    ),
  );
  await page.page.getByRole("button", { name: "Pause live figures" }).click();
  await page.page.getByRole("button", { name: "Go on with live figures" }).click();
  await answered;
  await page.page.waitForLoadState("networkidle");
}

function node(page: DashboardPage, id: string) {
  return page.page.locator(`[data-node="${id}"]`);
}

/** Where nodes stand, by id. */
function places(page: DashboardPage): Promise<Readonly<Record<string, string>>> {
  return page.page.evaluate(
    "Object.fromEntries([...document.querySelectorAll('[data-node]')].map((one) => [one.dataset.node, one.getAttribute('transform')]))",
  );
}

function drawn(page: DashboardPage): Promise<number> {
  return page.page.locator("[data-node]").count();
}

const focused = "(document.activeElement.dataset.node ?? document.activeElement.dataset.edge)";

describe("the topology", { skip }, () => {
  for (const { theme, width } of LOOKS) {
    test(`is readable for everybody, ${theme}, ${width}`, TIMEOUT, () =>
      withPage(
        shopTopology(),
        async (page) => {
          await page.go("/topology");
          await assertReadable(page, "topology", { theme, width });
          await page.go("/topology?show=graph&focus=default/checkout");
          await assertReadable(page, "topology-picked", { theme, width });
        },
        { theme, width },
      ),
    );
  }

  test("nodes and edges have the figures of the API", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      const { services } = shopTopology().services;
      assert.equal(await drawn(page), services.length);
      const payment = node(page, "default/payment");
      assert.equal(
        await payment.locator("title").textContent(),
        "payment: failing (1 of 3 instances is healthy), 12.0 requests/s, 31% errors",
      );
      assert.match((await payment.textContent()) ?? "", /payment12\.0\/s31% errors$/);
      assert.equal(await page.page.locator(".node-bad").count(), 1, "by shape, colour and frame");
      assert.match(
        (await node(page, "default/ingress").textContent()) ?? "",
        /ingresssends 240\/s$/,
        "who only calls has no requests of its own",
      );
      assert.match((await node(page, "default/orders-db").textContent()) ?? "", /408 kB\/s/);
      const line = page.page.locator(
        '.topology-edge[data-edge="default/checkout>default/payment"]',
      );
      assert.equal(
        await line.getAttribute("aria-label"),
        "checkout to payment: 12.0 requests/s, 31% errors, mutual TLS",
      );
      const width = (id: string) =>
        page.page
          .locator(`.topology-edge[data-edge="${id}"] .edge-line`)
          .getAttribute("stroke-width");
      const [thin, wide] = [
        Number(await width("default/legacy-batch>default/inventory")),
        Number(await width("default/ingress>default/storefront")),
      ];
      assert.ok(thin > 1 && wide > thin + 1 && wide < 6, `${thin} and ${wide}, by powers of ten`);
    }),
  );

  test("locks say whether both sides are proven", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      const lockOf = (id: string) =>
        page.page.locator(`.topology-label[data-edge="${id}"] .lock`).getAttribute("class");
      assert.match((await lockOf("default/ingress>default/storefront")) ?? "", /tone-ok/);
      assert.match((await lockOf("default/checkout>default/currency")) ?? "", /tone-warn/);
      assert.match((await lockOf("default/legacy-batch>default/inventory")) ?? "", /tone-bad/);
      assert.match(
        await page.text(".topology-side"),
        /Mutual TLS 12 of 18.*In plain text 2 .*checkout → currency.*legacy-batch → inventory/,
      );
    }),
  );

  test("a split is drawn once, with wanted and observed shares", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      const split = page.page.locator(
        '.edge-split[data-edge="default/catalog>default/catalog-v1"]',
      );
      assert.deepEqual(await split.allTextContents(), ["", "90% · 90%"]);
      assert.equal(
        await page.page.locator('[data-edge="default/storefront>default/catalog-v1"]').count(),
        0,
        "what callers tell of the same requests is not drawn beside it",
      );
      assert.match(
        (await node(page, "default/catalog-v2").textContent()) ?? "",
        /10% wanted · 10%/,
      );
      await node(page, "default/catalog-v2").click();
      assert.match(
        await page.text(".split-list"),
        /catalog every request catalog-v1 90% wanted, 90% observed catalog-v2 10% wanted/,
      );
      assert.match(await page.text(".topology-side"), /Called by 2 .*storefront 18\.0\/s/);
    }),
  );

  test("figures that change move nothing; figures that do not render nothing", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      const mesh = shopTopology();
      await page.go("/topology");
      const before = await places(page);
      await page.page.evaluate("globalThis.rendersBefore = tulleRenders.count");
      await poll(page);
      assert.equal(await page.page.evaluate("tulleRenders.count - rendersBefore"), 0);
      const edges = mesh.edges.edges.map((edge, index) =>
        index === 0
          ? { ...edge, traffic: { ...edge.traffic, requestsPerSecond: 999, errorRate: 0.5 } }
          : edge,
      );
      await answer(page, { ...mesh, edges: { ...mesh.edges, edges } });
      await poll(page);
      await page.page.getByText("999/s · 50%").first().waitFor();
      assert.deepEqual(await places(page), before);
      const count = await page.page.evaluate<number>("tulleRenders.count - rendersBefore");
      assert.ok(count < 12, `${count} renders for one edge and its caller`);
    }),
  );
});

describe("getting about in the topology", { skip }, () => {
  test("a click picks, lights the neighbours, and leads on", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      await node(page, "default/checkout").click();
      assert.match(page.page.url(), /focus=default%2Fcheckout/);
      assert.equal(await page.text(".cli code"), "tulle edges checkout");
      assert.deepEqual(
        (await page.page.locator(".topology-node.is-near .node-name").allTextContents()).sort(),
        ["cart", "checkout", "currency", "inventory", "payment"],
      );
      const links = await page.page
        .locator(".topology-side a")
        .evaluateAll((all) => all.map((one) => one.getAttribute("href")));
      assert.deepEqual(links, [
        ...["/services/default/checkout", "/services/default/checkout"],
        ...["/errors?service=default%2Fcheckout", "/traces?service=default%2Fcheckout"],
      ]);
      await page.page.locator(".topology-side").getByRole("button", { name: "payment" }).click();
      assert.match(
        await page.text(".topology-side"),
        /checkout → payment .*Mutual TLS Requests\/s 12\.0 Errors 31%.*P99 .* ms.*Caller spiffe:/,
      );
      await page.page.getByRole("button", { name: "Let go" }).click();
      await page.page.getByRole("button", { name: "Let go" }).click();
      assert.equal(await page.text(".topology-side h2"), "The mesh");
    }),
  );

  test("keys follow calls, pick and let go", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      const { keyboard } = page.page;
      const step = async (key: string): Promise<string> => {
        await keyboard.press(key);
        return await page.page.evaluate(focused);
      };
      const stops = page.page.locator('.topology-graph [tabindex="0"]');
      await stops.first().waitFor();
      assert.equal(await stops.count(), 1, "one stop of the tab key");
      await node(page, "default/cart").focus();
      assert.equal(await step("ArrowRight"), "default/cart>default/checkout");
      assert.equal(await step("ArrowRight"), "default/checkout");
      const first = await step("ArrowRight");
      const second = await step("ArrowDown");
      assert.match(first, /^default\/checkout>/);
      assert.match(second, /^default\/checkout>/);
      assert.notEqual(first, second);
      assert.equal(await step("ArrowLeft"), "default/checkout");
      await keyboard.press("Enter");
      assert.match(page.page.url(), /focus=default%2Fcheckout/);
      await keyboard.press("Escape");
      assert.doesNotMatch(page.page.url(), /focus/);
      const scale = () => page.page.locator(".topology-graph > g").getAttribute("transform");
      await keyboard.press("0");
      const fitted = await scale();
      await keyboard.press("+");
      assert.notEqual(await scale(), fitted);
      await keyboard.press("0");
      assert.equal(await scale(), fitted);
    }),
  );

  test("wheel and drag move the picture, and a drag picks nothing", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      const stage = page.page.locator(".topology-graph > g");
      const box = await page.page.locator(".topology-graph").boundingBox();
      assert.ok(box);
      const fitted = await stage.getAttribute("transform");
      const { mouse } = page.page;
      await mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await mouse.wheel(0, -200);
      let zoomed = await stage.getAttribute("transform");
      while (zoomed === fitted) zoomed = await stage.getAttribute("transform");
      await mouse.down();
      await mouse.move(box.x + 200, box.y + 90, { steps: 4 });
      await mouse.up();
      assert.notEqual(await stage.getAttribute("transform"), zoomed);
      assert.doesNotMatch(page.page.url(), /focus|edge/);
      await page.page.getByRole("button", { name: "Fit into view" }).click();
      assert.equal(await stage.getAttribute("transform"), fitted);
    }),
  );

  test("an address shows what is around a service", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology?focus=default/cart&depth=1");
      assert.deepEqual(Object.keys(await places(page)).sort(), [
        ...["default/cart", "default/checkout", "default/storefront"],
      ]);
      await page.page.getByLabel("2 steps").check();
      await node(page, "default/payment").waitFor();
      assert.match(page.page.url(), /depth=2/);
    }),
  );

  test("the table has the same", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      await page.go("/topology");
      await page.page.getByLabel("Table", { exact: true }).check();
      const { services, edges } = shopTopology();
      const rows = await page.rows("Services");
      assert.equal(rows.length, services.services.length);
      assert.deepEqual(rows[0], {
        Service: "payment Failing",
        "Requests/s": "12.0",
        Errors: "31%",
        "Called by": "1",
        Calls: "1",
        Split: "–",
      });
      const calls = await page.rows("Calls");
      assert.equal(calls.length, edges.edges.length);
      assert.equal(calls[0]?.["Caller"], "checkout", "what fails is first");
      const open = calls.find(({ Caller }) => Caller === "legacy-batch");
      assert.equal(open?.["Secured"], "plain text");
    }),
  );

  test("nothing, and no answer, are said", TIMEOUT, () =>
    withPage(shopTopology(), async (page) => {
      const shop = shopTopology();
      await answer(page, {
        ...{ services: { ...shop.services, services: [] }, edges: { ...shop.edges, edges: [] } },
        routes: { ...shop.routes, routes: [] },
      });
      await page.go("/topology");
      assert.match(await page.text("main"), /There are no services yet/);
      const error = { code: "unavailable", message: "it is starting", hint: "try again" };
      await page.page.route("**/telemetry/edges*", (route) =>
        route.fulfill({ status: 503, json: { error } }),
      );
      await page.go("/topology");
      assert.match(await page.text("main"), /it is starting.*Try again/);
    }),
  );
});

describe("a mesh of two hundred services and two thousand edges", { skip }, () => {
  test("is drawn by namespace, and each opens", TIMEOUT, () =>
    withPage(largeTopology(LARGE), async (page) => {
      await page.go("/topology");
      await node(page, "namespace:shop").waitFor();
      const ms = await page.page.evaluate<number>("performance.now()");
      assert.ok(ms < DRAWN_MS_MAX, `${ms} ms`);
      assert.equal(await drawn(page), 8);
      assert.match(await page.text(".topology-note"), /200 services are too many/);
      await page.screenshot("topology-200-light-1280");
      await page.assertAccessible("topology of 200");
      await node(page, "namespace:shop").click();
      await node(page, "shop/app-002").waitFor();
      assert.equal(await drawn(page), 7 + 25);
      await page.page.getByRole("button", { name: "Close shop" }).click();
      await node(page, "shop/app-002").waitFor({ state: "detached" });
      await page.page.getByLabel("Go to a service").fill("app-138");
      await page.page.keyboard.press("Enter");
      await node(page, "shop/app-138").waitFor();
      assert.match(page.page.url(), /focus=shop%2Fapp-138/);
      assert.equal(await page.text(".cli code"), "tulle edges shop/app-138");
      const around = largeTopology(LARGE).edges.edges.filter(({ source, destination }) =>
        [source.name, destination.name].includes("app-138"),
      );
      assert.equal(await page.page.locator(".topology-edge[data-edge]").count(), around.length);
      await page.screenshot("topology-200-around-light-1280");
    }),
  );

  test("in one namespace begins with what needs a look, and can be drawn whole", TIMEOUT, () =>
    withPage(largeTopology({ ...LARGE, namespaces: 1 }), async (page) => {
      await page.go("/topology");
      assert.match(await page.text(".topology-side"), /Failing/);
      assert.ok((await drawn(page)) < 60);
      await page.page.getByRole("button", { name: "Draw all" }).click();
      await page.page
        .locator("[data-node]")
        .nth(LARGE.services - 1)
        .waitFor();
      assert.equal(await drawn(page), LARGE.services);
      assert.equal(
        await page.page.locator(".topology-edge[data-edge]").count(),
        LARGE.edges,
        "every call",
      );
      await page.screenshot("topology-200-whole-light-1280");
    }),
  );

  test("costs nothing while nothing happens, drawn whole", TIMEOUT, () =>
    withPage(largeTopology(LARGE), async (page) => {
      await page.go("/topology?group=services");
      await node(page, "shop/app-002").waitFor();
      assert.equal(await drawn(page), LARGE.services);
      await page.page.evaluate(`
        globalThis.rendersBefore = tulleRenders.count;
        globalThis.touched = 0;
        new MutationObserver((records) => { touched += records.length; })
          .observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true })`);
      for (let round = 0; round < 2; round++) await poll(page);
      assert.equal(await page.page.evaluate("tulleRenders.count - rendersBefore"), 0);
      assert.equal(await page.page.evaluate("touched"), 0);
      const animations = await page.page.evaluate(
        "document.getAnimations().filter(({ playState }) => playState === 'running').length",
      );
      assert.equal(animations, 0, "nothing moves by itself");
    }),
  );

  test("is a list on a phone", TIMEOUT, () =>
    withPage(
      largeTopology(LARGE),
      async (page) => {
        await page.go("/topology");
        assert.equal((await page.rows("Services")).length, LARGE.services);
        await page.page.getByRole("button", { name: "List all 2,000 calls" }).waitFor();
        await page.assertFits("topology of 200 on a phone");
        await page.page.locator('table[aria-label="Services"] .link-button').first().click();
        assert.match(await page.text(".topology-side"), /Called by/);
      },
      { width: 390 },
    ),
  );
});
