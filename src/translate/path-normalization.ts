/**
 * What every listener makes of the spellings of a path. What is judged is what the app gets (lesson T21,
 * CVE-2021-31920): the sidecar of the caller and that of the app are told the same, and what one has made
 * canonical the other leaves alone.
 */
import { HttpConnectionManager_PathWithEscapedSlashesAction as SlashAction } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { PathNormalizationSpec } from "../resource/kinds/path-normalization.ts";

/** Fields of an HttpConnectionManager. */
export interface PathNormalizationFields {
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  readonly pathWithEscapedSlashesAction: SlashAction;
}

export function pathNormalizationFields({
  mode,
  rejectEscapedSlashes,
}: PathNormalizationSpec): PathNormalizationFields {
  const decodes = mode === "DecodeAndMergeSlashes";
  return {
    normalizePath: mode !== "None",
    mergeSlashes: decodes || mode === "MergeSlashes",
    pathWithEscapedSlashesAction: slashAction(decodes, rejectEscapedSlashes),
  };
}

function slashAction(decodes: boolean, rejects: boolean): SlashAction {
  if (rejects) return SlashAction.REJECT_REQUEST;
  return decodes ? SlashAction.UNESCAPE_AND_FORWARD : SlashAction.KEEP_UNCHANGED;
}
