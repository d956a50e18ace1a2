/** Istio's modes in Envoy's fields, by default the safest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpConnectionManager_PathWithEscapedSlashesAction as SlashAction } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import { PATH_NORMALIZATIONS } from "../resource/kinds/path-normalization.ts";
import { pathNormalizationFields } from "./path-normalization.ts";

const { KEEP_UNCHANGED, REJECT_REQUEST, UNESCAPE_AND_FORWARD } = SlashAction;

test("each mode says more than the one before", () => {
  const fields = PATH_NORMALIZATIONS.map((mode) =>
    Object.values(pathNormalizationFields({ mode, rejectEscapedSlashes: false })),
  );
  assert.deepEqual(fields, [
    [false, false, KEEP_UNCHANGED],
    [true, false, KEEP_UNCHANGED],
    [true, true, KEEP_UNCHANGED],
    [true, true, UNESCAPE_AND_FORWARD],
  ]);
});

test("escaped slashes can be refused in every mode", () => {
  for (const mode of PATH_NORMALIZATIONS) {
    const { pathWithEscapedSlashesAction } = pathNormalizationFields({
      mode,
      rejectEscapedSlashes: true,
    });
    assert.equal(pathWithEscapedSlashesAction, REJECT_REQUEST);
  }
});

test("without a MeshConfig escaped slashes are decoded and slashes merged", () => {
  const { pathNormalization } = defaultMeshConfigSpec();
  assert.deepEqual(pathNormalization, {
    mode: "DecodeAndMergeSlashes",
    rejectEscapedSlashes: false,
  });
});
