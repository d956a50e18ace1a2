/** The sidecar pays for what it imports: the clients must not reach the servers or decode resources. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "node:test";

const ROOT = join(import.meta.dirname, "..");

/** Everything that the file loads at run time, as paths below `src`. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(relative(ROOT, file))) return seen;
  seen.add(relative(ROOT, file));
  if (file.includes("/gen/")) return seen;
  const source = readFileSync(file, "utf8");
  for (const [, clause = "", path = ""] of source.matchAll(/^import ([^;]*?)from "(\.[^"]+)"/gms)) {
    if (!clause.startsWith("type ")) reach(join(dirname(file), path), seen);
  }
  return seen;
}

const generated = (files: ReadonlySet<string>): string[] =>
  [...files].filter((file) => file.startsWith("gen/")).sort();

test("the ADS client needs only the discovery messages", () => {
  const files = reach(join(import.meta.dirname, "ads-client.ts"));
  assert.deepEqual(generated(files), ["gen/envoy/service/discovery/v3/discovery_pb.js"]);
  assert.deepEqual(
    [...files].filter((file) => /xds\/(ads-s|server-|push-|snapshot|type-state)/.test(file)),
    [],
  );
});

test("the health client needs only the health messages", () => {
  const files = reach(join(import.meta.dirname, "hds-client.ts"));
  assert.deepEqual(generated(files), [
    "gen/envoy/config/core/v3/health_check_pb.js",
    "gen/envoy/service/health/v3/hds_pb.js",
  ]);
});
