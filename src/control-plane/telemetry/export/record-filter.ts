/** Which records an exporter sends: compiled once from its filter. */
import type { TelemetryExporterSpec } from "../../../resource/kinds/telemetry-exporter.ts";
import { ACCESS_ATTRIBUTE } from "../../../telemetry/otlp/access-log-attributes.ts";
import type { Attributes, LogEvent, SpanRecord, TelemetryResource } from "../telemetry-record.ts";
import { numberAt } from "./log-document.ts";

/** Logs data model, SeverityNumber: the first of each four. */
const SEVERITIES = { Trace: 1, Debug: 5, Info: 9, Warn: 13, Error: 17, Fatal: 21 } as const;

export interface RecordFilter {
  takesResource(resource: TelemetryResource): boolean;
  takesSpan(span: SpanRecord): boolean;
  takesLog(event: LogEvent): boolean;
}

export function compileFilter(filter: TelemetryExporterSpec["filter"]): RecordFilter {
  const names = filter.services.map((service) => {
    const slash = service.indexOf("/");
    return { namespace: service.slice(0, slash), name: service.slice(slash + 1) };
  });
  const severityMin = SEVERITIES[filter.minSeverity];
  const { minStatus } = filter;
  const takesResource = ({ namespace, service }: TelemetryResource): boolean =>
    names.length === 0 ||
    names.some(
      (one) =>
        (one.namespace === "*" || one.namespace === namespace) &&
        (one.name === "*" || one.name === service),
    );
  const takesStatus = (attributes: Attributes, hasFailed: boolean): boolean => {
    if (minStatus === undefined) return true;
    const status = numberAt(attributes, ACCESS_ATTRIBUTE.responseCode) ?? 0;
    return status === 0 ? hasFailed : status >= minStatus;
  };
  return {
    takesResource,
    takesSpan: (span) =>
      takesResource(span.resource) && takesStatus(span.attributes, span.status === "error"),
    takesLog: (event) =>
      event.severity >= severityMin &&
      takesResource(event.resource) &&
      takesStatus(event.attributes, event.severity >= SEVERITIES.Error),
  };
}
