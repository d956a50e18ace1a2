/** What a worker that starts late gets: everything in force, listeners last, and nothing that is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
  SECRET_TYPE_URL as SDS,
} from "../../xds/type-urls.ts";
import { Configuration } from "./configuration.ts";

function update(typeUrl: string, names: readonly string[], removed: readonly string[] = []) {
  const changed = names.map((name) => ({ name, version: "1", bytes: Buffer.from(name) }));
  return { typeUrl, changed, removed };
}

function contents(configuration: Configuration): Readonly<Record<string, readonly string[]>> {
  const updates = configuration.updates();
  return Object.fromEntries(
    updates.map(({ typeUrl, changed }) => [typeUrl, changed.map(({ name }) => name)]),
  );
}

test("everything in force, listeners after what they refer to", () => {
  const configuration = new Configuration();
  for (const typeUrl of [LDS, RDS, CDS, EDS, SDS]) {
    configuration.apply(update(typeUrl, ["a", "b"]), new Set(["b"]));
  }
  const order = configuration.updates().map(({ typeUrl }) => typeUrl);
  assert.deepEqual(order, [SDS, CDS, EDS, RDS, LDS]);
  for (const names of Object.values(contents(configuration))) assert.deepEqual(names, ["a"]);
});

test("a type that came empty is known, and what was removed is gone", () => {
  const configuration = new Configuration();
  configuration.apply(update(LDS, []), new Set());
  configuration.apply(update(CDS, ["a", "b"]), new Set());
  configuration.apply(update(CDS, [], ["a"]), new Set());
  assert.deepEqual(contents(configuration), { [CDS]: ["b"], [LDS]: [] });
});

test("a secret that was withdrawn stays for workers that start later", () => {
  const configuration = new Configuration();
  configuration.apply(update(SDS, ["root"]), new Set());
  configuration.apply(update(SDS, [], ["root"]), new Set());
  assert.equal(configuration.applied(SDS).size, 0);
  assert.deepEqual(contents(configuration), { [SDS]: ["root"] });
  configuration.keepOnly(new Map([[SDS, []]]));
  assert.deepEqual(contents(configuration), { [SDS]: [] });
});

test("names that do not exist are told until they do", () => {
  const configuration = new Configuration();
  configuration.addMissing({ typeUrl: RDS, names: ["a", "b"] });
  configuration.apply(update(RDS, ["a"]), new Set());
  assert.deepEqual(configuration.missing(), [{ typeUrl: RDS, names: ["b"] }]);
});

test("bytes are copied: a response does not outlive its handling", () => {
  const configuration = new Configuration();
  const bytes = Buffer.from("abc");
  const changed = [{ name: "a", version: "1", bytes }];
  configuration.apply({ typeUrl: CDS, changed, removed: [] }, new Set());
  bytes.fill(0);
  assert.equal(Buffer.from(configuration.applied(CDS).get("a")?.bytes ?? []).toString(), "abc");
});
