/** The audit log with everything that feeds it, watches it and sends it on. */
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import type { Logger } from "../../core/logger.ts";
import { durationMs } from "../../resource/duration.ts";
import { defaultMeshConfigSpec, MESH_CONFIG_NAME } from "../../resource/kinds/mesh-config.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import { type AuditExports, createAuditExport } from "./audit-export.ts";
import type { AuditLog } from "./audit-log.ts";
import { createAuditMetrics } from "./audit-metrics.ts";
import { DenialReader } from "./denial-reader.ts";
import { SecurityEvents, type Thresholds } from "./security-events.ts";

export interface AuditSideOptions {
  readonly audit: AuditLog;
  readonly exports: AuditExports;
  readonly denialsPath: string;
  readonly objects: ObjectCache;
  readonly proxies: ProxyDirectory;
  readonly registry: MetricRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** To be started after the proxies' side; stops sending when it has been tried once more. */
export function createAuditSide(options: AuditSideOptions): readonly Component[] {
  const { audit, objects, registry, clock, log } = options;
  const metrics = createAuditMetrics(registry, audit);
  const spec = () =>
    (objects.get("MeshConfig", "", MESH_CONFIG_NAME)?.spec ?? defaultMeshConfigSpec()).audit;
  const events = new SecurityEvents({
    getThresholds: () => thresholdsOf(spec()),
    onEvent: (kind, event) => {
      metrics.securityEvents.with({ kind }).add(1);
      log.warn("suspicious", { kind, message: event.message });
      audit.record(event);
    },
    clock,
  });
  const exporter = createAuditExport(options.exports, { clock, log: log.child("export") });
  audit.onRecord((record) => {
    metrics.records.with({ kind: record.kind }).add(1);
    exporter.add(record);
    events.see(record);
  });
  const reader = new DenialReader({
    ...options,
    path: options.denialsPath,
    getIntervalMs: () => durationMs(spec().denialsInterval),
    log: log.child("denials"),
  });
  return [exporter, reader];
}

type AuditSpec = ReturnType<typeof defaultMeshConfigSpec>["audit"];

function thresholdsOf(spec: AuditSpec): Thresholds {
  const threshold = (one: AuditSpec["denialBurst"]) => ({
    count: one.count,
    windowMs: durationMs(one.window),
  });
  return {
    "denial-burst": threshold(spec.denialBurst),
    "service-scan": threshold(spec.serviceScan),
    "expired-certificates": threshold(spec.expiredCertificates),
    "failed-logins": threshold(spec.failedLogins),
  };
}
