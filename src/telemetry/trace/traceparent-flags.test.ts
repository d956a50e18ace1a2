import assert from "node:assert/strict";
import { test } from "node:test";
import { withSampling } from "./traceparent-flags.ts";

const IDS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

test("only the sampled flag changes", () => {
  assert.equal(withSampling(`${IDS}-00`, true), `${IDS}-01`);
  assert.equal(withSampling(`${IDS}-03`, false), `${IDS}-02`);
  assert.equal(withSampling(`${IDS}-01-what-comes-later`, false), `${IDS}-00-what-comes-later`);
});

test("nothing is changed of what is no traceparent", () => {
  for (const text of ["", "00-1-2-01", `${IDS}-zz`]) assert.equal(withSampling(text, true), text);
});
