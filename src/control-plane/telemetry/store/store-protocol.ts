/** What the control plane and the thread of its telemetry store say to each other. Types only. */
import type { AccessLogView, MeshEvent, ServiceRef } from "../../telemetry-types.ts";
import type { InstanceFigures } from "./instance-figures.ts";
import type { Teller } from "./traffic-ingest.ts";
import type { TrafficAnswer, TrafficQuery } from "./traffic-read.ts";

/** A request's record, with what questions need beside what is shown. */
export interface StoredLog {
  readonly view: AccessLogView;
  readonly isError: boolean;
  readonly cluster: string;
}

export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly service: ServiceRef;
  readonly instance: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  /** With fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly isError: boolean;
  readonly statusMessage: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly events: readonly {
    readonly name: string;
    readonly timeMs: number;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
}

export interface StoredTrace {
  readonly traceId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly spans: number;
  readonly hasError: boolean;
  /** `namespace/name`. */
  readonly rootService: string;
  readonly rootName: string;
  readonly services: readonly string[];
}

export interface StoredEvent {
  readonly id: number;
  readonly event: MeshEvent;
}

interface InWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LogQuery extends InWindow {
  readonly limit: number;
  readonly before?: { readonly timeMs: number; readonly id: number };
  readonly status?: { readonly from: number; readonly to: number };
  readonly minDurationMs?: number;
  readonly flag?: string;
  readonly traceId?: string;
  readonly requestId?: string;
  readonly method?: string;
  /** How the path begins. */
  readonly path?: string;
  readonly text?: string;
  /** `namespace/name` of the caller, and of the called one. */
  readonly source?: string;
  readonly destination?: string;
  /** `namespace/name`, of either end. */
  readonly service?: string;
  readonly namespace?: string;
}

export interface LogPage {
  readonly logs: readonly AccessLogView[];
  readonly next: string | null;
}

export interface TraceQuery extends InWindow {
  readonly limit: number;
  readonly minDurationMs?: number;
  readonly isErrorOnly: boolean;
  readonly operation?: string;
  readonly service?: string;
  readonly namespace?: string;
}

export interface EventQuery extends InWindow {
  readonly limit: number;
  readonly type?: string;
}

export interface ErrorTraces {
  /** `namespace/name`. */
  readonly destination: string;
  readonly status: number;
  readonly flags: string;
  readonly traceIds: readonly string[];
}

export interface ExemplarQuery extends InWindow {
  /** `namespace/name`. */
  readonly destination?: string;
  readonly source?: string;
  readonly version?: string;
  readonly reporter?: string;
  readonly limit: number;
}

export interface StoredExemplar {
  readonly timeMs: number;
  readonly latencyMs: number;
  readonly traceId: string;
}

export interface StoreState {
  readonly sizeBytes: number;
  readonly series: number;
  readonly refusedSeries: number;
  /** The oldest figure that is kept; null while there is none. */
  readonly oldestMs: number | null;
}

/** Each question with its answer. */
export interface StoreQuestions {
  traffic: { readonly query: TrafficQuery; readonly answer: TrafficAnswer };
  instances: {
    readonly query: { readonly sinceMs: number };
    readonly answer: readonly InstanceFigures[];
  };
  logs: { readonly query: LogQuery; readonly answer: LogPage };
  traces: { readonly query: TraceQuery; readonly answer: readonly StoredTrace[] };
  trace: {
    readonly query: { readonly traceId: string };
    readonly answer: { readonly trace: StoredTrace; readonly spans: readonly StoredSpan[] } | null;
  };
  events: { readonly query: EventQuery; readonly answer: readonly MeshEvent[] };
  errorTraces: { readonly query: InWindow; readonly answer: readonly ErrorTraces[] };
  exemplars: { readonly query: ExemplarQuery; readonly answer: readonly StoredExemplar[] };
  /** Writes down what waits. */
  flush: { readonly query: Record<never, never>; readonly answer: StoreState };
}
export type StoreQuestion = keyof StoreQuestions;

/** To the thread. */
export type StoreRequest =
  | { readonly kind: "metrics"; readonly bytes: Uint8Array; readonly tellers: readonly Teller[] }
  | { readonly kind: "logs"; readonly logs: readonly StoredLog[] }
  | { readonly kind: "spans"; readonly spans: readonly StoredSpan[] }
  | { readonly kind: "events"; readonly events: readonly MeshEvent[] }
  | {
      readonly kind: "question";
      readonly id: number;
      readonly question: StoreQuestion;
      readonly query: unknown;
    }
  | { readonly kind: "close" };

/** From the thread. */
export type StoreReply =
  | {
      readonly kind: "open";
      /** Since when figures are kept. */
      readonly knownFromMs: number;
      readonly setAside: { readonly path: string; readonly reason: string } | undefined;
    }
  /** A batch was dealt with: `weight` of what was sent waits no more. */
  | { readonly kind: "done"; readonly weight: number }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly message: string }
  /** Something could not be written; `dropped` records are lost. */
  | {
      readonly kind: "trouble";
      readonly signal: string;
      readonly dropped: number;
      readonly message: string;
    }
  | { readonly kind: "flushed"; readonly state: StoreState }
  | { readonly kind: "closed" };

/** Given to the thread at its start. */
export interface StoreSettings {
  readonly path: string;
  readonly retentionMs: number;
  readonly sizeBytesMax: number;
}
