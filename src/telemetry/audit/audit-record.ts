/**
 * What the audit log holds: one JSON object on a line for each event, chained. `prev` is the hash of the record before,
 * and `hash`, always last on the line, is that of all the line's text before it. Nothing is ever spelled anew to verify.
 */
import { createHash } from "node:crypto";

export const AUDIT_KINDS = [
  /** An object was created, changed or deleted. */
  "change",
  /** Something else was done: a drain, a rotation, a token. */
  "action",
  /** Somebody who is known may not do what was asked. */
  "access-denied",
  "authentication-failed",
  "certificate-issued",
  "certificate-refused",
  "revocations-changed",
  /** What sidecars denied by policy, summed up. */
  "policy-denied",
  /** A pattern that is suspicious. */
  "security-event",
  /** About the log itself: it was opened, torn, damaged, cut. */
  "log",
] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

export interface AuditActor {
  readonly name: string;
  readonly role?: string;
  /** How it proved who it is. */
  readonly method?: string;
  readonly transport?: string;
  readonly address?: string;
}

export interface AuditObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** An event, before it has its place in the log. Nothing in it is secret. */
export interface AuditEvent {
  readonly kind: AuditKind;
  /** `created`, `deleted`, `POST /api/v1/ca/rotation`, `denial-burst`. */
  readonly action: string;
  readonly actor?: AuditActor;
  readonly object?: AuditObject;
  readonly outcome: "ok" | "refused" | "failed";
  /** For people: one sentence at most. */
  readonly message?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface AuditRecord extends AuditEvent {
  /** 1, 2, 3, without gaps. */
  readonly seq: number;
  /** ISO 8601 in UTC. */
  readonly time: string;
  readonly prev: string;
  readonly hash: string;
}

/** What stands for the hash before the first record. */
export const GENESIS_HASH = "0".repeat(64);
/** A record is cut to this by leaving out its details. */
export const AUDIT_RECORD_BYTES_MAX = 64 * 1024;

const HASH = /,"hash":"(?<hash>[0-9a-f]{64})"\}$/;

export interface ChainPlace {
  readonly seq: number;
  readonly time: string;
  readonly prev: string;
}

/** The line of an event at its place, without a line feed, and its hash. */
export function formatAuditLine(
  { seq, time, prev }: ChainPlace,
  event: AuditEvent,
): { readonly line: string; readonly hash: string } {
  let body = JSON.stringify({ seq, time, ...event, prev });
  if (body.length > AUDIT_RECORD_BYTES_MAX) {
    const message = event.message?.slice(0, 1024);
    const short = { ...event, message, details: { omitted: "the details are too large" } };
    body = JSON.stringify({ seq, time, ...short, prev });
  }
  const text = body.slice(0, -1);
  const hash = hashOf(text);
  return { line: `${text},"hash":"${hash}"}`, hash };
}

/** Undefined for what is no record: torn, or never one. Its hash is not checked. */
export function parseAuditLine(line: string): AuditRecord | undefined {
  try {
    const record = JSON.parse(line) as Partial<AuditRecord> | null;
    const isRecord =
      typeof record?.seq === "number" &&
      typeof record.prev === "string" &&
      typeof record.hash === "string" &&
      typeof record.kind === "string" &&
      typeof record.time === "string";
    return isRecord ? (record as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the line's text is what its hash was made of. */
export function isIntact(line: string): boolean {
  const match = HASH.exec(line);
  return match !== null && hashOf(line.slice(0, match.index)) === match.groups?.["hash"];
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
