/** What sidecars deny comes to the audit log of a whole mesh, and what is suspicious about it is told. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AuditRecord } from "../../src/telemetry/audit/audit-record.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

const TIMEOUT = { timeout: 60_000 };
const APP = `
require("node:http").createServer((request, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const CLIENT = "tulle.local/ns/default/sa/client";

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "audit",
    app: APP,
    services: { catalog: {}, orders: {} },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: {
          authorization: { defaultAction: "Deny" },
          audit: {
            denialsInterval: "1s",
            denialBurst: { count: 10, window: "10m" },
            serviceScan: { count: 2, window: "10m" },
          },
        },
      },
    ],
  });
});

after(() => mesh?.remove());

/** Asks until there is one: sidecars are read once a second. */
async function records(...words: readonly string[]): Promise<readonly AuditRecord[]> {
  for (;;) {
    const { output } = await mesh.home.start(["audit", "search", ...words, "-o", "json"]).ended;
    const found = JSON.parse(output) as readonly AuditRecord[];
    if (found.length > 0) return found;
  }
}

const denied = (found: readonly AuditRecord[]): number =>
  found.reduce((sum, { details }) => sum + Number(details?.["denied"] ?? 0), 0);

test(
  "denials are records with caller, service, policy and count; none is lost",
  TIMEOUT,
  async () => {
    for (let count = 0; count < 3; count += 1) assert.equal((await mesh.ask()).status, 403);
    let found = await records("--kind", "policy-denied");
    while (denied(found) < 3) found = await records("--kind", "policy-denied");
    assert.equal(denied(found), 3);
    const [record] = found;
    assert.match(record?.actor?.name ?? "", new RegExp(CLIENT));
    assert.equal(record?.details?.["service"], "default/catalog");
    assert.match(record?.message ?? "", /default\/catalog denied .* \(no policy allows it\)/);
  },
);

test("one identity that is denied everywhere, and often, is an event", TIMEOUT, async () => {
  const orders = await mesh.addressOf("orders");
  for (let count = 0; count < 10; count += 1) {
    assert.equal((await mesh.ask("/", { at: orders })).status, 403);
  }
  const [scan] = await records("--kind", "security-event", "service-scan");
  assert.match(scan?.message ?? "", /client was denied by 2 services/);
  assert.deepEqual(scan?.details?.["services"], ["default/catalog", "default/orders"]);
  const [burst] = await records("--kind", "security-event", "denial-burst");
  assert.match(burst?.message ?? "", /client was denied 1\d times/);
});

test("certificates that sidecars refuse are told, too", TIMEOUT, async () => {
  await mesh.tulle("ca", "revoke", "spiffe://tulle.local/ns/default/sa/client", "--wait");
  await mesh.ask().catch(() => undefined);
  const [record] = await records("--kind", "authentication-failed", "TLS handshake with a sidecar");
  assert.deepEqual(
    [record?.details?.["service"], record?.details?.["code"]],
    ["default/catalog", "revoked"],
  );
});
