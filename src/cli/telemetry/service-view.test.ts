/** Commands that show a window of figures: what they ask the control plane, and what they print. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CliFixture } from "../../../test/support/cli-fixture.ts";

const window = { from: "2026-11-26T08:00:00Z", to: "2026-11-26T08:15:00Z", stepSeconds: 900 };

test("edges, errors and routes ask for a window and a service, and say when there is nothing", async (context) => {
  const cli = await CliFixture.open();
  context.after(() => cli.close());
  cli.answer("GET /api/v1/telemetry/edges", { window, edges: [] });
  cli.answer("GET /api/v1/telemetry/errors", { window, groups: [] });
  cli.answer("GET /api/v1/telemetry/routes", { window, routes: [] });
  assert.equal((await cli.run(["edges"])).stdout, "nobody called anybody in that time\n");
  assert.equal((await cli.run(["errors", "cart"])).stdout, "no failed requests in that time\n");
  const { code, stdout } = await cli.run(["routes", "cart", "-o", "json"]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { window, routes: [] });
  assert.equal((await cli.run(["routes", "-o", "name"])).stdout, "");
});
