/** Both sides of a mismatch are told, and the object to change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExplainedCluster } from "./explain-types.ts";
import { mismatchNote } from "./inbound-mtls.ts";

const OBJECT = "PeerAuthentication shop/catalog";
const cluster = (tls: "yes" | "no"): ExplainedCluster =>
  ({ settings: [{ field: "tls", value: tls, origin: "cluster" }] }) as unknown as ExplainedCluster;
const note = (tls: "yes" | "no", mode: string): string | undefined =>
  mismatchNote(cluster(tls), "shop/catalog-1", { mode, origin: OBJECT, object: OBJECT });

test("plain text to where mutual TLS is required, and the reverse", () => {
  assert.match(
    note("no", "STRICT") ?? "",
    /plain text.*shop\/catalog-1.*STRICT.*PeerAuthentication/,
  );
  assert.match(
    note("yes", "DISABLE") ?? "",
    /mutual TLS.*shop\/catalog-1.*DISABLE.*PeerAuthentication/,
  );
});

test("nothing where both agree, or nobody tells", () => {
  for (const [tls, mode] of [
    ["yes", "STRICT"],
    ["yes", "PERMISSIVE"],
    ["no", "PERMISSIVE"],
    ["no", "DISABLE"],
  ] as const) {
    assert.equal(note(tls, mode), undefined);
  }
  assert.equal(mismatchNote(cluster("no"), "shop/catalog-1", null), undefined);
});
