/** Access logs in a real OpenSearch, by `_bulk`, with the index template of `deploy/opensearch`. */
import test from "node:test";
import { mavenPeer, OPENSEARCH } from "./maven-peer.ts";
import { checkSearchExports } from "./search-exports.ts";

const { path, skip } = await mavenPeer(OPENSEARCH);

test("access logs in OpenSearch", { skip }, async (t) => {
  await checkSearchExports(t, { path, product: "opensearch" });
});
