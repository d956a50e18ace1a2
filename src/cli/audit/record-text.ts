/** Audit records as lines for people. */
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { Style } from "../output/style.ts";
import { printable } from "../output/text-width.ts";

/** Fields of a change that are named on its line. */
const FIELDS_SHOWN = 4;

/** `2026-11-26T08:00:00.000Z  change  local user (admin)  configured HTTPRoute default/catalog: spec.rules[0]`. */
export function recordText(record: AuditRecord, style: Style): string {
  const { time, kind, actor, outcome } = record;
  const paint = outcome === "ok" ? style.dim : outcome === "refused" ? style.yellow : style.red;
  const role = actor?.role === undefined ? "" : ` (${actor.role})`;
  const address =
    actor?.address === undefined || actor.address === "" ? "" : ` from ${actor.address}`;
  const who = actor === undefined ? "-" : `${actor.name}${role}${address}`;
  return `${style.dim(time)}  ${paint(kind)}  ${printable(who)}  ${printable(whatOf(record))}\n`;
}

function whatOf({ action, object, message, details }: AuditRecord): string {
  const name =
    object === undefined
      ? ""
      : ` ${object.kind} ${object.namespace === "" ? "" : `${object.namespace}/`}${object.name}`;
  const fields = details?.["fields"];
  const changed = Array.isArray(fields)
    ? `: ${fields.slice(0, FIELDS_SHOWN).join(", ")}${fields.length > FIELDS_SHOWN ? ", …" : ""}`
    : "";
  const said = message === undefined ? "" : `: ${message}`;
  return `${action}${name}${changed}${said}`;
}
