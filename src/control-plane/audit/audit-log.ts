/**
 * The audit log on disk: append-only segments of chained records. A record is in the file when `record` returns, so that
 * a killed process loses none; the disk is told to keep them (fsync) within 100 ms. A torn last record is kept, and told.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { TokenBucket } from "../../identity/token-bucket.ts";
import {
  type AuditEvent,
  type AuditKind,
  type AuditRecord,
  formatAuditLine,
  GENESIS_HASH,
  isIntact,
  parseAuditLine,
} from "../../telemetry/audit/audit-record.ts";
import {
  type AuditSegment,
  listSegments,
  segmentPath,
} from "../../telemetry/audit/audit-segments.ts";
import type { AuditTrail } from "./audit-trail.ts";

/** How long a record may be in the page cache only. A power cut loses so much; a killed process nothing. */
const SYNC_AFTER_MS = 100;
/** A segment is read whole to search it. */
export const AUDIT_SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
/** A gigabyte in all. What is older is removed, which the log says. */
export const AUDIT_SEGMENTS_MAX = 64;

/** Records that anybody can cause who reaches a port: so many at once and so many a second, then only a count of the rest. */
const STRANGERS_LIMIT = { burst: 200, perSecond: 20 };
const OF_STRANGERS: ReadonlySet<AuditKind> = new Set([
  "access-denied",
  "authentication-failed",
  "certificate-refused",
]);

export interface AuditLogOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly segmentBytesMax?: number;
  readonly segmentsMax?: number;
}

export class AuditLog implements AuditTrail, Component {
  readonly name = "audit log";
  readonly #options: AuditLogOptions;
  readonly #listeners = new Set<(record: AuditRecord) => void>();
  #number = 1;
  #descriptor: number | undefined;
  #size = 0;
  #seq = 0;
  #hash = GENESIS_HASH;
  #sync: Timer | undefined;
  #isBroken = false;
  #failures = 0;
  readonly #strangers: TokenBucket;
  #leftOut = 0;

  /** Opens the log, which is there at once: what happens while everything else starts is told, too. */
  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#strangers = new TokenBucket({ ...STRANGERS_LIMIT, clock: options.clock });
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#open();
  }

  get folder(): string {
    return this.#options.folder;
  }

  get head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.#seq, hash: this.#hash };
  }

  /** Records that could not be written. */
  get failures(): number {
    return this.#failures;
  }

  /** Called after each record. Must not throw. */
  onRecord(listener: (record: AuditRecord) => void): void {
    this.#listeners.add(listener);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    if (this.#descriptor === undefined) return Promise.resolve();
    this.record({ kind: "log", action: "closed", outcome: "ok" });
    this.#sync?.cancel();
    fdatasyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
    return Promise.resolve();
  }

  /** After a failure it tries again. */
  isWritable(): boolean {
    if (this.#isBroken) {
      const message = `writing failed; ${this.#failures} records are lost`;
      this.record({ kind: "log", action: "resumed", outcome: "ok", message });
    }
    return !this.#isBroken && this.#descriptor !== undefined;
  }

  record(given: AuditEvent): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    const event = this.#limited(given);
    if (event === undefined) return;
    const time = new Date(this.#options.clock.nowMs()).toISOString();
    const place = { seq: this.#seq + 1, time, prev: this.#hash };
    const { line, hash } = formatAuditLine(place, event);
    const bytes = Buffer.from(`${line}\n`);
    try {
      writeAll(descriptor, bytes);
    } catch (error) {
      this.#onFailure(descriptor, error);
      return;
    }
    this.#isBroken = false;
    this.#seq = place.seq;
    this.#hash = hash;
    this.#size += bytes.length;
    this.#sync ??= this.#options.clock.schedule(SYNC_AFTER_MS, () => this.#syncNow());
    for (const listener of this.#listeners) listener({ ...place, ...event, hash });
    if (this.#size >= (this.#options.segmentBytesMax ?? AUDIT_SEGMENT_BYTES_MAX)) this.#rotate();
  }

  /** Undefined when there are too many; the next one that is written says how many were left out. */
  #limited(event: AuditEvent): AuditEvent | undefined {
    if (!OF_STRANGERS.has(event.kind)) return event;
    if (!this.#strangers.tryTake()) {
      this.#leftOut += 1;
      return undefined;
    }
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut === 0 ? event : { ...event, details: { ...event.details, leftOut } };
  }

  #onFailure(descriptor: number, error: unknown): void {
    this.#failures += 1;
    if (!this.#isBroken) {
      this.#options.log.error("the audit log cannot be written", { error: messageOf(error) });
    }
    this.#isBroken = true;
    try {
      // What was written of it would be a torn record in the middle.
      ftruncateSync(descriptor, this.#size);
    } catch {
      // The next start finds it.
    }
  }

  #syncNow(): void {
    this.#sync = undefined;
    if (this.#descriptor === undefined) return;
    try {
      fdatasyncSync(this.#descriptor);
    } catch (error) {
      this.#options.log.error("the audit log cannot be kept", { error: messageOf(error) });
    }
  }

  #open(): void {
    const { folder, log } = this.#options;
    const segments = listSegments(folder);
    const last = segments.at(-1);
    const torn = last === undefined ? undefined : this.#recover(segments, last);
    this.#number = last?.number ?? 1;
    this.#openSegment();
    this.record({ kind: "log", action: "opened", outcome: "ok" });
    if (torn === undefined) return;
    log.error("the audit log was torn: the bytes of its last record are kept beside it", torn);
    this.record({
      kind: "log",
      action: "torn",
      outcome: "failed",
      message: `${torn.tornBytes} bytes of a record that was not written whole are kept in ${torn.keptIn}`,
      details: { ...torn },
    });
  }

  /** Takes the chain up where it ended; what follows the last whole record is set aside. */
  #recover(segments: readonly AuditSegment[], last: AuditSegment) {
    const bytes = readFileSync(last.path);
    const end = bytes.lastIndexOf(0x0a) + 1;
    const lines = bytes.subarray(0, end).toString("utf8").trimEnd().split("\n");
    // A segment that was made right before a crash is empty: the chain ended in the one before.
    const before = segments.at(-2);
    const line = end === 0 && before !== undefined ? lastLineOf(before.path) : (lines.at(-1) ?? "");
    const record = parseAuditLine(line);
    if (record !== undefined) {
      this.#seq = record.seq;
      this.#hash = record.hash;
    }
    if (line !== "" && !isIntact(line)) {
      this.#options.log.error("the audit log was changed: `tulle audit verify` says where");
    }
    if (end === bytes.length) return undefined;
    const tail = bytes.subarray(end);
    const keptIn = `${last.path}.torn-${this.#options.clock.nowMs()}`;
    writeFileSync(keptIn, tail, { mode: 0o600 });
    truncateSync(last.path, end);
    const sha256 = createHash("sha256").update(tail).digest("hex");
    return { tornBytes: tail.length, sha256, keptIn: keptIn.slice(keptIn.lastIndexOf("/") + 1) };
  }

  #openSegment(): void {
    this.#descriptor = openSync(segmentPath(this.#options.folder, this.#number), "a", 0o600);
    this.#size = fstatSync(this.#descriptor).size;
  }

  #rotate(): void {
    this.#sync?.cancel();
    this.#syncNow();
    try {
      if (this.#descriptor !== undefined) closeSync(this.#descriptor);
      this.#number += 1;
      this.#openSegment();
      this.#removeOld();
    } catch (error) {
      this.#isBroken = true;
      this.#options.log.error("the audit log cannot be rotated", { error: messageOf(error) });
    }
  }

  /** The log says first what it removes, so that verifying knows where the chain begins. */
  #removeOld(): void {
    const { folder, segmentsMax = AUDIT_SEGMENTS_MAX } = this.#options;
    const excess = listSegments(folder).slice(0, -segmentsMax);
    const last = parseAuditLine(lastLineOf(excess.at(-1)?.path));
    if (last === undefined) return;
    const { seq, hash } = last;
    const details = { removedUpTo: { seq, hash } };
    this.record({ kind: "log", action: "removed", outcome: "ok", details });
    for (const { path } of excess) {
      // Renamed first: a reader that lists the folder now does not find half of it.
      renameSync(path, `${path}.removed`);
      rmSync(`${path}.removed`);
    }
  }
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written);
  }
}

/** Empty when there is none. */
function lastLineOf(path: string | undefined): string {
  if (path === undefined || statSync(path).size === 0) return "";
  return readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "";
}
