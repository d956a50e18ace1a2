/** A change of an object as the audit log tells it: which fields, and digests of the object before and after. No values. */
import { createHash } from "node:crypto";
import type { AnyObject } from "../../resource/kind-map.ts";
import { keyOf } from "../../resource/object.ts";
import type { AuditEvent } from "../../telemetry/audit/audit-record.ts";
import type { Principal } from "../access/principal.ts";

/** Changed fields that are named; a larger change says how many more there are. */
const PATHS_MAX = 32;
/** How deep it looks for what differs. */
const DEPTH_MAX = 12;

export interface ObjectChange {
  readonly action: "created" | "configured" | "deleted";
  /** Undefined when it is new. */
  readonly before: AnyObject | undefined;
  /** Undefined when it is gone. */
  readonly after: AnyObject | undefined;
  readonly revision: number;
}

export function changeEvent(principal: Principal, change: ObjectChange): AuditEvent {
  const { action, before, after, revision } = change;
  const object = after ?? before;
  const { kind = "", namespace = "", name = "" } = object === undefined ? {} : keyOf(object);
  const paths: string[] = [];
  if (before !== undefined && after !== undefined) {
    collect(partsOf(before), partsOf(after), { path: "", paths, depth: 0 });
  }
  const shown = paths.slice(0, PATHS_MAX);
  return {
    kind: "change",
    action,
    actor: principal,
    object: { kind, namespace, name },
    outcome: "ok",
    details: {
      revision,
      ...(before === undefined ? {} : { before: digestOf(before) }),
      ...(after === undefined ? {} : { after: digestOf(after) }),
      ...(shown.length === 0 ? {} : { fields: shown }),
      ...(paths.length > shown.length ? { moreFields: paths.length - shown.length } : {}),
    },
  };
}

/** What people write: no status, nothing that the store adds. */
function partsOf({ metadata, spec }: AnyObject): object {
  const { labels, annotations } = metadata;
  return { labels, annotations, spec };
}

function digestOf(object: AnyObject): string {
  const text = JSON.stringify(sorted(partsOf(object)));
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** With the keys of every object in order, so that equal objects have equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function collect(
  before: unknown,
  after: unknown,
  at: { readonly path: string; readonly paths: string[]; readonly depth: number },
): void {
  const { path, paths, depth } = at;
  if (Object.is(before, after)) return;
  const isEntered = isObject(before) && isObject(after) && depth < DEPTH_MAX;
  if (!isEntered || Array.isArray(before) !== Array.isArray(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after)) paths.push(path);
    return;
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const inner = Array.isArray(before) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    collect(before[key], after[key], { path: inner, paths, depth: depth + 1 });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
