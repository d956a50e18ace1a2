/** Finds records of an audit log in its files: the newest that match, or those after a number, in order. */
import { type AuditRecord, parseAuditLine } from "./audit-record.ts";
import { listSegments, readSegment } from "./audit-segments.ts";

/** All that are given must hold. */
export interface AuditQuery {
  readonly kind?: string | undefined;
  /** A part of the actor's name. */
  readonly actor?: string | undefined;
  /** `Kind`, `Kind/name` or `Kind/namespace/name`. */
  readonly object?: string | undefined;
  /** A part of the record's text, in any case. */
  readonly text?: string | undefined;
  /** ISO 8601 in UTC, as records have it. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Records after this number, the oldest first. Without it: the newest. */
  readonly afterSeq?: number | undefined;
  readonly limit: number;
}

/** In the order in which they happened. */
export async function searchAudit(
  folder: string,
  query: AuditQuery,
): Promise<readonly AuditRecord[]> {
  const { afterSeq, limit } = query;
  const segments = listSegments(folder);
  const found: AuditRecord[] = [];
  // From the newest on: what is asked for is nearly always there.
  for (const { path } of segments.toReversed()) {
    const { lines } = await readSegment(path);
    for (const line of lines.toReversed()) {
      const record = parseAuditLine(line);
      if (record === undefined) continue;
      if (afterSeq !== undefined && record.seq <= afterSeq) return found.reverse().slice(0, limit);
      if (query.since !== undefined && record.time < query.since) return found.reverse();
      if (!matches(record, line, query)) continue;
      found.push(record);
      if (afterSeq === undefined && found.length === limit) return found.reverse();
    }
  }
  return found.reverse().slice(0, limit);
}

function matches(record: AuditRecord, line: string, query: AuditQuery): boolean {
  const { kind, actor, object, text, until } = query;
  if (kind !== undefined && record.kind !== kind) return false;
  if (until !== undefined && record.time > until) return false;
  if (actor !== undefined && record.actor?.name.includes(actor) !== true) return false;
  if (object !== undefined && !isObject(record, object)) return false;
  return text === undefined || line.toLowerCase().includes(text.toLowerCase());
}

function isObject({ object }: AuditRecord, wanted: string): boolean {
  if (object === undefined) return false;
  const { kind, namespace, name } = object;
  const names = [kind, `${kind}/${name}`, `${kind}/${namespace}/${name}`];
  return names.some((one) => one.toLowerCase() === wanted.toLowerCase());
}
