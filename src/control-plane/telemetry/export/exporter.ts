/** One TelemetryExporter at work: its filter, and a pipe for each of its signals. */
import { join } from "node:path";
import type { Clock } from "../../../core/clock.ts";
import { messageOf } from "../../../core/errors.ts";
import type { Logger } from "../../../core/logger.ts";
import type { Prng } from "../../../core/prng.ts";
import { durationMs } from "../../../resource/duration.ts";
import type {
  TelemetryExporter,
  TelemetryExporterSpec,
} from "../../../resource/kinds/telemetry-exporter.ts";
import type { AuditRecord } from "../../../telemetry/audit/audit-record.ts";
import type { LogEvent, SpanRecord } from "../telemetry-record.ts";
import { createRoutes, targetNameOf } from "./create-routes.ts";
import { DiskBuffer } from "./disk-buffer.ts";
import { type ExportBuffer, MemoryBuffer } from "./export-buffer.ts";
import { type ExportMetrics, pipeMetrics } from "./export-metrics.ts";
import { ExportPipe, type PipeSettings, type PipeState } from "./export-pipe.ts";
import type {
  ExportRoute,
  ExportSignal,
  RecordEncoder,
  ResourceFigures,
  SignalRecord,
} from "./export-target.ts";
import { compileFilter, type RecordFilter } from "./record-filter.ts";

export interface ExporterDeps {
  readonly mesh: string;
  readonly version: string;
  /** The folder for buffers on disk, each in one of its own. */
  readonly folder: string;
  readonly metrics: ExportMetrics;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

/** Encoded records that an exporter has left behind, by signal; of the same target they can be sent by another. */
export type Leftovers = ReadonlyMap<ExportSignal, readonly Buffer[]>;

interface Lane<S extends ExportSignal> {
  readonly encode: RecordEncoder<S>;
  readonly pipe: ExportPipe;
}

export class Exporter {
  readonly name: string;
  readonly spec: TelemetryExporterSpec;
  readonly #filter: RecordFilter;
  readonly #traces: Lane<"traces"> | undefined;
  readonly #logs: Lane<"logs"> | undefined;
  readonly #metrics: Lane<"metrics"> | undefined;
  readonly #audit: Lane<"audit"> | undefined;
  readonly #pipes: readonly ExportPipe[];

  /** Throws when a buffer on disk cannot be opened. */
  constructor({ metadata, spec }: TelemetryExporter, deps: ExporterDeps) {
    this.name = metadata.name;
    this.spec = spec;
    this.#filter = compileFilter(spec.filter);
    const routes = createRoutes(spec, deps);
    const lane = <S extends ExportSignal>(route: ExportRoute<S> | undefined): Lane<S> | undefined =>
      route && { encode: route.encode, pipe: createPipe(this, route, deps) };
    this.#traces = lane(routes.find((route) => route.signal === "traces"));
    this.#logs = lane(routes.find((route) => route.signal === "logs"));
    this.#metrics = lane(routes.find((route) => route.signal === "metrics"));
    this.#audit = lane(routes.find((route) => route.signal === "audit"));
    const lanes = [this.#traces, this.#logs, this.#metrics, this.#audit];
    this.#pipes = lanes.flatMap((one) => one?.pipe ?? []);
  }

  get states(): readonly PipeState[] {
    return this.#pipes.map((pipe) => pipe.state);
  }

  /** Whether what `other` has encoded can be sent by this one. */
  canFollow(other: Exporter): boolean {
    return targetNameOf(this.spec) === targetNameOf(other.spec);
  }

  addSpans(spans: readonly SpanRecord[]): void {
    if (this.#traces === undefined) return;
    for (const span of spans) if (this.#filter.takesSpan(span)) put(this.#traces, span);
  }

  addLogs(logs: readonly LogEvent[]): void {
    if (this.#logs === undefined) return;
    for (const event of logs) if (this.#filter.takesLog(event)) put(this.#logs, event);
  }

  addFigures(figures: readonly ResourceFigures[]): void {
    if (this.#metrics === undefined) return;
    for (const one of figures)
      if (this.#filter.takesResource(one.resource)) put(this.#metrics, one);
  }

  addAudit(record: AuditRecord): void {
    if (this.#audit !== undefined) put(this.#audit, record);
  }

  get wantsFigures(): boolean {
    return this.#metrics !== undefined;
  }

  addLeftovers(left: Leftovers): void {
    for (const pipe of this.#pipes) {
      for (const record of left.get(pipe.state.signal) ?? []) pipe.add(record);
    }
  }

  async stop(graceMs: number): Promise<Leftovers> {
    const left = await Promise.all(
      this.#pipes.map(async (pipe) => [pipe.state.signal, await pipe.stop(graceMs)] as const),
    );
    return new Map(left);
  }

  /** Counts what nobody sends any more. */
  dropLeftovers(left: Leftovers): void {
    for (const pipe of this.#pipes) pipe.dropStopped(left.get(pipe.state.signal)?.length ?? 0);
  }
}

function put<S extends ExportSignal>({ encode, pipe }: Lane<S>, record: SignalRecord[S]): void {
  let encoded: Buffer | undefined;
  try {
    encoded = encode(record);
  } catch (error) {
    // Figures are decoded here alone, where they become deltas: one that is broken is nobody else's trouble.
    pipe.refuse(`it cannot be encoded: ${messageOf(error)}`);
    return;
  }
  if (encoded !== undefined) pipe.add(encoded);
}

function createPipe(
  { name, spec }: Pick<Exporter, "name" | "spec">,
  { signal, target }: Pick<ExportRoute, "signal" | "target">,
  deps: ExporterDeps,
): ExportPipe {
  const { metrics, clock, prng, log } = deps;
  return new ExportPipe({
    exporter: name,
    ...{ signal, target, clock, prng, log },
    buffer: createBuffer(spec, join(deps.folder, name, signal), log),
    settings: pipeSettings(spec),
    metrics: pipeMetrics(metrics, name, signal),
  });
}

function createBuffer(spec: TelemetryExporterSpec, folder: string, log: Logger): ExportBuffer {
  const { memoryBytes, diskBytes } = spec.buffer;
  return diskBytes === undefined
    ? new MemoryBuffer(memoryBytes)
    : new DiskBuffer({ folder, bytesMax: diskBytes, log });
}

function pipeSettings({ batch, retry, timeout }: TelemetryExporterSpec): PipeSettings {
  return {
    batch: {
      maxRecords: batch.maxRecords,
      maxBytes: batch.maxBytes,
      delayMs: durationMs(batch.delay),
    },
    retry: {
      initialDelayMs: durationMs(retry.initialDelay),
      maxDelayMs: durationMs(retry.maxDelay),
    },
    timeoutMs: durationMs(timeout),
  };
}
