/**
 * What a store that lives in this process needs from where it keeps its data: synchronous reads, and
 * transactions that are written as planned. `local-store.ts` makes a Store of it.
 */
import type { AnyObject, KindName } from "../resource/kind-map.ts";
import type { ObjectKey } from "../resource/object.ts";

/** One object's new state, or its end. */
export interface Write {
  readonly type: "put" | "delete";
  readonly key: ObjectKey<KindName>;
  /** As it is after a put, as it last was for a delete. */
  readonly object: AnyObject;
}

/** What one transaction wrote. */
export interface LogRecord {
  readonly revision: number;
  /** In the order in which the transaction named them. */
  readonly entries: readonly LogEntry[];
}

export interface LogEntry {
  readonly type: "put" | "delete";
  readonly kind: KindName;
  readonly namespace: string;
  /** Reads the object, which costs time. */
  readonly readObject: () => AnyObject;
}

export interface Engine {
  /** Of the last transaction, one that is being written included. */
  readonly revision: number;
  readonly compactedRevision: number;
  read(key: ObjectKey): AnyObject | undefined;
  /** Sorted by kind, namespace, name. Absent arguments stand for all. */
  scan(kind?: KindName, namespace?: string): readonly AnyObject[];
  /** The first record after `revision` that the log still has. */
  nextRecord(revision: number): LogRecord | undefined;
  begin(): void;
  /** Writes one transaction and its log record, then compacts the log. Within begin and commit. */
  write(revision: number, writes: readonly Write[]): void;
  /** Everything since `begin` is durable when this returns. */
  commit(): void;
  /** Undoes everything since `begin`, revisions included. */
  rollback(): void;
  close(): void;
}
