/** The view of security in a real Chromium: every figure is what the API says, in both themes and both widths. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { securityEvents, securityOf } from "./fixture-security.ts";
import { assertReadable, LOOKS, TIMEOUT, ViewsSuite } from "./views-suite.ts";

const suite = new ViewsSuite();
const { skip } = suite;

const withPage: ViewsSuite["withPage"] = (options, use) =>
  suite.withPage(options, async (page) => {
    const { mesh } = suite.server;
    await page.page.route("**/telemetry/security*", (route) =>
      route.fulfill({ json: securityOf(mesh) }),
    );
    await page.page.route("**/telemetry/events*", (route) => {
      const type = new URL(route.request().url()).searchParams.get("type") ?? "";
      return route.fulfill({ json: { window: mesh.window, events: securityEvents(mesh, type) } });
    });
    await use(page);
  });

describe("security", { skip }, () => {
  for (const { theme, width } of LOOKS) {
    test(`is readable for everybody, ${theme}, ${width}`, TIMEOUT, () =>
      withPage({ theme, width }, async (page) => {
        await page.go("/security?pair=default/currency%3Edefault/payment");
        await assertReadable(page, "security", { theme, width });
      }),
    );
  }

  test("matrix, list and figures are those of the API", TIMEOUT, () =>
    withPage({}, async (page) => {
      const { pairs, certificates } = securityOf(suite.server.mesh);
      await page.go("/security");
      const cells = page.page.locator(".access-matrix td button");
      assert.equal(await cells.count(), pairs.length);
      const probe = page.page.getByRole("button", { name: "currency to payment" });
      assert.match(
        (await probe.getAttribute("aria-label")) ?? "",
        /: Tried and denied, no request, 17 denied$/,
      );
      assert.match(await page.text(".coverage"), /mutual TLS 99\.7% Denied requests 17 /);
      await probe.click();
      assert.match(
        await page.text(".picked-pair"),
        /by default\/payment-callers.*tulle authz check currency payment GET \/$/,
      );
      const rows = await page.rows("Certificates");
      assert.equal(rows.length, certificates.length);
      assert.equal(rows[0]?.["Time left"], "30 min", "the next to end is first");
      assert.match(await page.text(".roots"), /root-2 active 10 y root-1 retiring 20 d/);
      assert.match(await page.text(".security-events"), /denied 17 requests of currency/);
      await page.go("/security?show=list&access=denied");
      const [denied, ...others] = await page.rows("Pairs");
      assert.deepEqual(others, []);
      assert.deepEqual([denied?.["Requests"], denied?.["Denied"]], ["0", "17"]);
    }),
  );

  test("the arrow keys go from pair to pair, over gaps", TIMEOUT, () =>
    withPage({}, async (page) => {
      await page.go("/security");
      await page.page.getByRole("button", { name: "cart to checkout" }).focus();
      await page.page.keyboard.press("ArrowLeft");
      const focused = "document.activeElement.getAttribute('aria-label')";
      assert.match(await page.page.evaluate(focused), /^cart to catalog:/);
    }),
  );

  test("nothing and no answer are said", TIMEOUT, () =>
    withPage({}, async (page) => {
      const none = {
        ...securityOf(suite.server.mesh),
        pairs: [],
        certificates: [],
        mtlsShare: null,
      };
      await page.page.route("**/telemetry/security*", (route) => route.fulfill({ json: none }));
      await page.go("/security");
      assert.match(await page.text("main"), /Nobody calls anybody yet.*No instance holds one yet/);
      const error = { code: "unavailable", message: "it is starting", hint: "try again" };
      await page.page.route("**/telemetry/security*", (route) =>
        route.fulfill({ status: 503, json: { error } }),
      );
      await page.go("/security");
      assert.match(await page.text("main"), /it is starting.*Try again/);
    }),
  );
});
