/** The canonical path of a request, computed only when its target has a byte that could change it. */
import {
  type NormalizedPath,
  normalizePath,
  type PathNormalization,
} from "../http/path-normalization.ts";
import type { RequestHead } from "../http/request-head.ts";

/** Reused for the usual case, in which the path is the target as it came. Valid until the next call. */
const asReceived = { kind: "path" as const, path: "" };

export function canonicalPath(head: RequestHead, rules: PathNormalization): NormalizedPath {
  const path = head.queryAt < 0 ? head.target : head.target.slice(0, head.queryAt);
  if (head.hasSpecialBytes) return normalizePath(path, rules);
  asReceived.path = path;
  return asReceived;
}
