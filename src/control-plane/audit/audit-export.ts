/** Sends audit records on: to the targets of `--audit-export`, and to the TelemetryExporters that want them. */
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import { MemoryBuffer } from "../telemetry/export/export-buffer.ts";
import { type ExportMetrics, pipeMetrics } from "../telemetry/export/export-metrics.ts";
import { ExportPipe, type PipeSettings } from "../telemetry/export/export-pipe.ts";
import type { AuditTarget } from "./export-target.ts";

/** Ten thousand records and more: an hour of a busy mesh's changes. */
const BUFFER_BYTES = 16 * 1024 * 1024;
const SETTINGS: PipeSettings = {
  batch: { maxRecords: 200, maxBytes: 1024 * 1024, delayMs: 100 },
  retry: { initialDelayMs: 500, maxDelayMs: 30_000 },
  timeoutMs: 10_000,
};

export interface AuditExports {
  readonly targets: readonly AuditTarget[];
  /** The TelemetryExporters. */
  readonly exporters: { addAudit(record: AuditRecord): void };
  readonly metrics: ExportMetrics;
  readonly prng: Prng;
}

export interface AuditExport extends Component {
  add(record: AuditRecord): void;
}

/** Stopping sends what waits once more. */
export function createAuditExport(
  { targets, exporters, metrics, prng }: AuditExports,
  deps: { readonly clock: Clock; readonly log: Logger },
): AuditExport {
  const lanes = targets.map(({ signal, target, encode }) => ({
    encode,
    pipe: new ExportPipe({
      exporter: target.place,
      ...{ signal, target, prng, ...deps },
      buffer: new MemoryBuffer(BUFFER_BYTES),
      settings: SETTINGS,
      metrics: pipeMetrics(metrics, target.place, signal),
    }),
  }));
  return {
    name: "audit export",
    start: () => Promise.resolve(),
    stop: async (graceMs) => {
      await Promise.all(
        lanes.map(async ({ pipe }) => pipe.dropStopped((await pipe.stop(graceMs)).length)),
      );
    },
    add: (record) => {
      for (const { encode, pipe } of lanes) {
        const encoded = encode(record);
        if (encoded !== undefined) pipe.add(encoded);
      }
      exporters.addAudit(record);
    },
  };
}
