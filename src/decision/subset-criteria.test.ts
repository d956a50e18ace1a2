import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { MetadataSchema } from "../gen/envoy/config/core/v3/base_pb.js";
import { compileSubsetCriteria, labelKey, subsetCriteria } from "./subset-criteria.ts";

const metadata = (labels: Record<string, string>) =>
  create(MetadataSchema, { filterMetadata: { "envoy.lb": labels } });

test("criteria stand in the order of their names; those inside go before those around", () => {
  const outer = compileSubsetCriteria(metadata({ version: "1", stage: "prod" }));
  assert.deepEqual(outer, { names: ["stage", "version"], values: ['"prod"', '"1"'] });
  assert.deepEqual(compileSubsetCriteria(metadata({ version: "2" }), outer), {
    names: ["stage", "version"],
    values: ['"prod"', '"2"'],
  });
  assert.equal(compileSubsetCriteria(undefined, outer), outer);
  assert.equal(compileSubsetCriteria(metadata({}), outer), outer);
  assert.equal(compileSubsetCriteria(undefined), undefined);
  assert.equal(compileSubsetCriteria(create(MetadataSchema, { filterMetadata: {} })), undefined);
});

test("equal values have equal keys, others have not", () => {
  assert.equal(labelKey({ a: 1, b: [true] }), labelKey({ b: [true], a: 1 }));
  assert.notEqual(labelKey("1"), labelKey(1));
  assert.notEqual(labelKey(null), labelKey("null"));
  assert.equal(subsetCriteria({}), undefined);
});
