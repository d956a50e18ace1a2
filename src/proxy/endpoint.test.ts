import assert from "node:assert/strict";
import { test } from "node:test";
import { PoolFixture } from "../../test/support/pool-fixture.ts";

const CATALOG = "spiffe://mesh.test/ns/shop/sa/catalog";

function connectedAs(pool: PoolFixture, principal: string): void {
  pool.request();
  pool.connect("", Number.POSITIVE_INFINITY, principal);
}

test("an endpoint is whom the handshake proved it to be, and is counted anew as another one", () => {
  const pool = new PoolFixture();
  const { endpoint } = pool;
  assert.equal(endpoint.workload.principal, "unknown");
  const before = endpoint.outcomes;
  connectedAs(pool, CATALOG);
  assert.deepEqual(endpoint.workload, { ...endpoint.info.workload, principal: CATALOG });
  const proven = endpoint.outcomes;
  assert.notEqual(proven, before);
  connectedAs(pool, CATALOG);
  assert.equal(endpoint.outcomes, proven);
  endpoint.update({ ...endpoint.info, weight: 2 });
  assert.equal(endpoint.workload.principal, CATALOG);
  const workload = { ...endpoint.info.workload, workload: "another" };
  endpoint.update({ ...endpoint.info, workload });
  assert.deepEqual(endpoint.workload, workload);
});

test("a name of the web is no principal of the mesh", () => {
  const pool = new PoolFixture();
  connectedAs(pool, "api.example.com");
  assert.equal(pool.endpoint.workload.principal, "unknown");
});
