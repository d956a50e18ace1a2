/** What a TelemetryExporter says, as targets: one for each signal that it sends. */
import type { Clock } from "../../../core/clock.ts";
import { durationMs } from "../../../resource/duration.ts";
import type { TelemetryExporterSpec } from "../../../resource/kinds/telemetry-exporter.ts";
import {
  SIGNALS_OF_TARGET,
  type TargetName,
} from "../../../resource/kinds/telemetry-exporter-targets.ts";
import type { AuditRecord } from "../../../telemetry/audit/audit-record.ts";
import type { LogEvent } from "../telemetry-record.ts";
import { type AuditSource, auditLogEvent } from "./audit-log-event.ts";
import { BulkTarget, encodeBulkItem } from "./elastic/bulk-target.ts";
import type { ExportRoute, ExportSignal, ExportTarget } from "./export-target.ts";
import { RotatingFile } from "./file/rotating-file.ts";
import { encodeForwardEntry, ForwardTarget } from "./forward/forward-target.ts";
import type { HttpDelivery } from "./http/http-sender.ts";
import { auditLine, eventLine, type LogLine } from "./log-document.ts";
import { encodeLokiEntry, LokiTarget } from "./loki/loki-target.ts";
import { DeltaFigures } from "./otlp/delta-figures.ts";
import { OtlpGrpcTarget } from "./otlp/otlp-grpc-target.ts";
import { OtlpHttpTarget, otlpUrl } from "./otlp/otlp-http-target.ts";
import { encodeFigures, encodeLog, encodeSpan } from "./otlp/otlp-record.ts";
import type { StreamPlace } from "./stream-socket.ts";
import { auditMessage, eventMessage } from "./syslog/syslog-message.ts";
import { createSyslogTarget, type SyslogPlace } from "./syslog/syslog-target.ts";
import { encodeZipkinSpan, ZipkinTarget } from "./zipkin/zipkin-target.ts";

export interface RouteContext extends AuditSource {
  readonly clock: Clock;
}

export type AnyRoute = { readonly [S in ExportSignal]: ExportRoute<S> }[ExportSignal];

const SIGNALS = { Traces: "traces", Logs: "logs", Metrics: "metrics", Audit: "audit" } as const;
const FORWARD_PORT = 24_224;
/** RFC 5426, RFC 6587 (no port of its own; rsyslog's), RFC 5425. */
const SYSLOG_PORTS = { Udp: 514, Tcp: 601, Tls: 6514 } as const;

export function createRoutes(
  spec: TelemetryExporterSpec,
  context: RouteContext,
): readonly AnyRoute[] {
  // Its signals share it: two that rotate the same file would be in each other's way.
  const file = spec.file && rotatingFile(spec.file, context.clock);
  return signalsOf(spec).flatMap((signal) => {
    const route =
      file === undefined ? routeOf(spec, signal, context) : fileRoute(file, signal, context);
    return route ?? [];
  });
}

/** Undefined for none, which validation refuses. */
export function targetNameOf(spec: TelemetryExporterSpec): TargetName | undefined {
  const names = Object.keys(SIGNALS_OF_TARGET) as readonly TargetName[];
  return names.find((name) => spec[name] !== undefined);
}

/** Audit records only where they are named. */
function signalsOf(spec: TelemetryExporterSpec): readonly ExportSignal[] {
  const name = targetNameOf(spec);
  if (name === undefined) return [];
  const all = SIGNALS_OF_TARGET[name].filter((signal) => signal !== "Audit");
  return [...new Set(spec.signals ?? all)].map((signal) => SIGNALS[signal]);
}

function routeOf(
  spec: TelemetryExporterSpec,
  signal: ExportSignal,
  context: RouteContext,
): AnyRoute | undefined {
  const { otlp, zipkin, elasticsearch, loki, forward, syslog } = spec;
  const http = httpDelivery(spec, context);
  if (otlp !== undefined) {
    const target =
      otlp.protocol === "Grpc"
        ? new OtlpGrpcTarget(otlp.endpoint, signal, http)
        : new OtlpHttpTarget(otlpUrl(otlp.endpoint, signal), signal, http);
    return otlpRoute(target, signal, context, otlp.temporality);
  }
  if (zipkin !== undefined) {
    const target = new ZipkinTarget(zipkin.endpoint, http);
    return signal === "traces" ? { signal, target, encode: encodeZipkinSpan } : undefined;
  }
  if (elasticsearch !== undefined) {
    const { endpoint, index, dataStream } = elasticsearch;
    const encode = (line: LogLine): Buffer => encodeBulkItem(line, index ?? dataStream);
    return lineRoute(new BulkTarget(endpoint, http), signal, context, encode);
  }
  if (loki !== undefined) {
    const { endpoint, labels, tenant } = loki;
    const target = new LokiTarget({ endpoint, labels, tenant, http });
    return lineRoute(target, signal, context, encodeLokiEntry);
  }
  if (forward !== undefined) {
    const target = new ForwardTarget({
      place: streamPlace(forward, FORWARD_PORT, spec.tls),
      tag: `${forward.tag}.${signal === "audit" ? "audit" : "access"}`,
      isAcknowledged: forward.acknowledge,
      isCompressed: http.isCompressed,
      sharedKeyFile: forward.sharedKeyFile,
      authentication: spec.authentication,
    });
    return lineRoute(target, signal, context, encodeForwardEntry);
  }
  if (syslog === undefined) return undefined;
  return syslogRoute(syslogPlace(syslog, spec.tls), signal, context, syslog.facility);
}

function rotatingFile(
  { path, maxBytes, maxAge, keep, compress }: NonNullable<TelemetryExporterSpec["file"]>,
  clock: Clock,
): RotatingFile {
  const rotation = { maxBytes, maxAgeMs: durationMs(maxAge), keep, isCompressed: compress };
  return new RotatingFile({ path, rotation, clock });
}

function otlpRoute(
  target: ExportTarget,
  signal: ExportSignal,
  context: RouteContext,
  temporality: "Cumulative" | "Delta",
): AnyRoute {
  switch (signal) {
    case "traces":
      return { signal, target, encode: encodeSpan };
    case "logs":
      return { signal, target, encode: encodeLog };
    case "audit":
      return { signal, target, encode: (record) => encodeLog(auditLogEvent(record, context)) };
    case "metrics": {
      if (temporality === "Cumulative") return { signal, target, encode: encodeFigures };
      const deltas = new DeltaFigures(context.clock.nowMs());
      return {
        signal,
        target,
        encode: (figures) => {
          const delta = deltas.convert(figures);
          return delta === undefined ? undefined : encodeFigures(delta);
        },
      };
    }
  }
}

function syslogRoute(
  place: SyslogPlace,
  signal: ExportSignal,
  { mesh }: AuditSource,
  facility?: number,
): AnyRoute | undefined {
  const target = createSyslogTarget(place);
  switch (signal) {
    case "logs":
      return { signal, target, encode: (event) => Buffer.from(eventMessage(event, facility)) };
    case "audit":
      return {
        signal,
        target,
        encode: (record) => Buffer.from(auditMessage(record, mesh, facility)),
      };
    case "traces":
    case "metrics":
      return undefined;
  }
}

function fileRoute(
  target: ExportTarget,
  signal: ExportSignal,
  source: AuditSource,
): AnyRoute | undefined {
  if (signal === "traces") {
    return { signal, target, encode: (span) => withEnd(encodeZipkinSpan(span)) };
  }
  return lineRoute(target, signal, source, ({ document }) =>
    withEnd(Buffer.from(JSON.stringify(document))),
  );
}

function lineRoute(
  target: ExportTarget,
  signal: ExportSignal,
  source: AuditSource,
  encode: (line: LogLine) => Buffer,
): AnyRoute | undefined {
  switch (signal) {
    case "logs":
      return { signal, target, encode: (event: LogEvent) => encode(eventLine(event)) };
    case "audit":
      return { signal, target, encode: (record: AuditRecord) => encode(auditLine(record, source)) };
    case "traces":
    case "metrics":
      return undefined;
  }
}

function httpDelivery(spec: TelemetryExporterSpec, { clock }: RouteContext): HttpDelivery {
  const { authentication, tls, compression } = spec;
  return { authentication, tls, isCompressed: compression === "Gzip", clock };
}

type Placed = NonNullable<TelemetryExporterSpec["forward"]>;

function streamPlace(
  { transport, host = "", port, path = "" }: Pick<Placed, "transport" | "host" | "port" | "path">,
  portDefault: number,
  tls: TelemetryExporterSpec["tls"],
): StreamPlace {
  switch (transport) {
    case "Unix":
      return { transport, path };
    case "Tcp":
      return { transport, host, port: port ?? portDefault };
    case "Tls":
      return { transport, host, port: port ?? portDefault, tls };
  }
}

function syslogPlace(
  syslog: NonNullable<TelemetryExporterSpec["syslog"]>,
  tls: TelemetryExporterSpec["tls"],
): SyslogPlace {
  const { transport, host = "", port } = syslog;
  if (transport === "Udp") return { transport, host, port: port ?? SYSLOG_PORTS.Udp };
  const portDefault = transport === "Tls" ? SYSLOG_PORTS.Tls : SYSLOG_PORTS.Tcp;
  return streamPlace({ ...syslog, transport }, portDefault, tls);
}

function withEnd(line: Buffer): Buffer {
  return Buffer.concat([line, Buffer.from("\n")]);
}
