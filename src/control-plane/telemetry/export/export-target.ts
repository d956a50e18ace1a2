/** The seam between the queue of an exporter, which knows no protocol, and the protocols, which know no queue. */
import type { AuditRecord } from "../../../telemetry/audit/audit-record.ts";
import type { LogEvent, SpanRecord, TelemetryResource } from "../telemetry-record.ts";

export const EXPORT_SIGNALS = ["traces", "logs", "metrics", "audit"] as const;
export type ExportSignal = (typeof EXPORT_SIGNALS)[number];

/** The figures of one sender at one time: the bytes of a ResourceMetrics. */
export interface ResourceFigures {
  readonly resource: TelemetryResource;
  readonly bytes: Uint8Array;
}

/** What a record of each signal is before it is encoded. */
export interface SignalRecord {
  readonly traces: SpanRecord;
  readonly logs: LogEvent;
  readonly metrics: ResourceFigures;
  readonly audit: AuditRecord;
}

/** Turns a record into bytes that the same target sends, today or after a restart. Undefined: there is nothing to send. */
export type RecordEncoder<S extends ExportSignal> = (record: SignalRecord[S]) => Buffer | undefined;

/** What the other side made of a batch. It is never both taken and tried again. */
export type SendOutcome =
  /** It is done with. `rejected` of the records were refused for good. */
  | { readonly kind: "done"; readonly rejected: number; readonly reason: string }
  /** The records at `indices`, ascending, are to be tried again, after `afterMs` at least; `rejected` of the others were refused for good. */
  | {
      readonly kind: "retry";
      readonly indices: readonly number[] | "all";
      readonly rejected: number;
      readonly reason: string;
      readonly afterMs: number;
    }
  /** Half of it might be taken. */
  | { readonly kind: "too-large"; readonly reason: string };

export interface ExportTarget {
  /** Where to, for people; without anything secret. */
  readonly place: string;
  /** One at a time. Rejects, with any error, when the whole batch is to be tried again. */
  send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome>;
  close(): void;
}

/** A target for one signal, with what makes bytes for it. */
export interface ExportRoute<S extends ExportSignal = ExportSignal> {
  readonly signal: S;
  readonly target: ExportTarget;
  readonly encode: RecordEncoder<S>;
}

export const TAKEN: SendOutcome = { kind: "done", rejected: 0, reason: "" };

/** Everything is to be tried again. */
export function retryAll(reason: string, afterMs = 0): SendOutcome {
  return { kind: "retry", indices: "all", rejected: 0, reason, afterMs };
}

/** Nothing of it will ever be taken. */
export function refusedAll(batch: readonly Buffer[], reason: string): SendOutcome {
  return { kind: "done", rejected: batch.length, reason };
}
