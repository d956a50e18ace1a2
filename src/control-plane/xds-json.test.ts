import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { knowsMessage } from "./xds-json.ts";

const GOLDEN = join(import.meta.dirname, "..", "translate", "testdata");

test("every message that translation packs can be shown", () => {
  const types = new Set<string>();
  for (const name of readdirSync(GOLDEN)) {
    const text = readFileSync(join(GOLDEN, name), "utf8");
    for (const [, type = ""] of text.matchAll(/"@type": "type\.googleapis\.com\/([^"]+)"/g)) {
      types.add(type);
    }
  }
  assert.ok(types.size > 30);
  const unknown = [...types].filter((type) => !knowsMessage(type));
  assert.deepEqual(unknown, []);
});
