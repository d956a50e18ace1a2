/**
 * All exporters of the mesh: follows the TelemetryExporter objects, hands every record to each, and tells what does not work.
 * Nothing here makes whoever hands it records wait, and one exporter's trouble is none of another's.
 */
import { isDeepStrictEqual } from "node:util";
import type { Component } from "../../../core/component.ts";
import { messageOf } from "../../../core/errors.ts";
import type { TelemetryExporter } from "../../../resource/kinds/telemetry-exporter.ts";
import type { AuditRecord } from "../../../telemetry/audit/audit-record.ts";
import type { Finding } from "../../api-types.ts";
import type { MetricsSink } from "../telemetry-intake.ts";
import type {
  LogEvent,
  SpanRecord,
  TelemetryResource,
  TelemetrySink,
} from "../telemetry-record.ts";
import { Exporter, type ExporterDeps, type Leftovers } from "./exporter.ts";
import { exporterFindings } from "./exporter-findings.ts";
import { splitFigures } from "./split-figures.ts";

/** What is on its way when an exporter is changed. */
const CHANGE_GRACE_MS = 2_000;

/** One that could not be made. */
interface Broken {
  readonly object: TelemetryExporter;
  readonly reason: string;
}

export class ExporterSet implements Component, TelemetrySink, MetricsSink {
  readonly name = "telemetry export";
  readonly #deps: ExporterDeps;
  readonly #exporters = new Map<string, Exporter>();
  readonly #broken = new Map<string, Broken>();
  /** By name: an exporter is made when the one before it has let go of its files. */
  readonly #changing = new Map<string, Promise<void>>();
  #wanted: ReadonlyMap<string, TelemetryExporter> = new Map();
  #isStopped = false;

  constructor(deps: ExporterDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {}

  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#wanted = new Map();
    await Promise.all(this.#changing.values());
    await Promise.all(
      [...this.#exporters.values()].map(async (exporter) => {
        exporter.dropLeftovers(await exporter.stop(graceMs));
      }),
    );
    this.#exporters.clear();
  }

  /** These are there from now on. Called with every change of the mesh: cheap when there is none of exporters. */
  want(objects: readonly TelemetryExporter[]): void {
    if (this.#isStopped) return;
    this.#wanted = new Map(objects.map((object) => [object.metadata.name, object]));
    const names = new Set([
      ...this.#exporters.keys(),
      ...this.#broken.keys(),
      ...this.#wanted.keys(),
    ]);
    for (const name of names) if (!this.#changing.has(name)) this.#follow(name);
  }

  addSpans(spans: readonly SpanRecord[]): void {
    for (const exporter of this.#exporters.values()) exporter.addSpans(spans);
  }

  addLogs(logs: readonly LogEvent[]): void {
    for (const exporter of this.#exporters.values()) exporter.addLogs(logs);
  }

  /** An ExportMetricsServiceRequest, and the resource of each of its ResourceMetrics. True: what is too much is dropped here. */
  addMetrics(bytes: Uint8Array, resources: readonly TelemetryResource[]): true {
    const takers = [...this.#exporters.values()].filter(({ wantsFigures }) => wantsFigures);
    if (takers.length === 0) return true;
    const figures = splitFigures(bytes, resources);
    for (const exporter of takers) exporter.addFigures(figures);
    return true;
  }

  addAudit(record: AuditRecord): void {
    for (const exporter of this.#exporters.values()) exporter.addAudit(record);
  }

  /** What people should know. */
  get findings(): readonly Finding[] {
    const nowMs = this.#deps.clock.nowMs();
    const broken = [...this.#broken].map(
      ([name, { reason }]): Finding => ({
        severity: "error",
        code: "exporter-broken",
        message: `the exporter cannot begin: ${reason}`,
        object: { kind: "TelemetryExporter", namespace: "", name },
        hint: "the control plane tries again when the object changes, and when it starts",
      }),
    );
    const working = [...this.#exporters.values()].flatMap((exporter) =>
      exporterFindings(exporter.name, exporter.states, nowMs),
    );
    return [...broken, ...working];
  }

  /** Brings one to what is wanted, if it is not there yet. */
  #follow(name: string): void {
    const wanted = this.#wanted.get(name);
    const current = this.#exporters.get(name);
    const spec = current?.spec ?? this.#broken.get(name)?.object.spec;
    if (isDeepStrictEqual(wanted?.spec, spec)) return;
    this.#broken.delete(name);
    if (current === undefined) {
      if (wanted !== undefined) this.#begin(wanted, undefined);
      return;
    }
    this.#exporters.delete(name);
    const changing = this.#replace(current).finally(() => {
      this.#changing.delete(name);
      // It may have changed again meanwhile.
      if (!this.#isStopped) this.#follow(name);
    });
    this.#changing.set(name, changing);
  }

  async #replace(current: Exporter): Promise<void> {
    const left = await current.stop(CHANGE_GRACE_MS);
    const wanted = this.#wanted.get(current.name);
    if (wanted === undefined || this.#isStopped) current.dropLeftovers(left);
    else this.#begin(wanted, { from: current, left });
  }

  #begin(
    object: TelemetryExporter,
    before: { readonly from: Exporter; readonly left: Leftovers } | undefined,
  ): void {
    const { name } = object.metadata;
    const { log } = this.#deps;
    try {
      const exporter = new Exporter(object, this.#deps);
      if (before !== undefined) {
        if (exporter.canFollow(before.from)) exporter.addLeftovers(before.left);
        else before.from.dropLeftovers(before.left);
      }
      this.#exporters.set(name, exporter);
      log.info("telemetry is exported", {
        exporter: name,
        to: exporter.states.map(({ signal, place }) => `${signal}: ${place}`),
      });
    } catch (error) {
      const reason = messageOf(error);
      before?.from.dropLeftovers(before.left);
      this.#broken.set(name, { object, reason });
      log.error("an exporter cannot begin", { exporter: name, reason });
    }
  }
}
