/** Access logs in a real Elasticsearch, by `_bulk`, with the mappings of `deploy/elasticsearch`. */
import test from "node:test";
import { ELASTICSEARCH, mavenPeer } from "./maven-peer.ts";
import { checkSearchExports } from "./search-exports.ts";

const { path, skip } = await mavenPeer(ELASTICSEARCH);

test("access logs in Elasticsearch", { skip }, async (t) => {
  await checkSearchExports(t, { path, product: "elasticsearch" });
});
