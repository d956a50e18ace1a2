/**
 * What proxies tell, decoded once: spans and log records with the resource they belong to. The receiver makes them of
 * OTLP; the store and the exporters are sinks, which never make the receiver wait. Figures stay bytes: see MetricsSink.
 */

/** A value of OTLP's AnyValue; 64-bit integers as numbers, which ours fit into. */
export type AttributeValue = string | number | boolean | readonly AttributeValue[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Who tells it: the attributes of OpenTelemetry's resource, and the SPIFFE id that the connection proved. */
export interface TelemetryResource {
  /** `service.name`. */
  readonly service: string;
  /** `service.namespace`. */
  readonly namespace: string;
  /** `service.version`, empty when unknown. */
  readonly version: string;
  /** `service.instance.id`: the proxy's node id. */
  readonly instance: string;
  /** Of the peer's certificate; empty for what came over a socket that proves none. */
  readonly principal: string;
  readonly attributes: Attributes;
}

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export interface SpanEvent {
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly attributes: Attributes;
}

export interface SpanRecord {
  readonly resource: TelemetryResource;
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly status: "unset" | "ok" | "error";
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
}

export interface LogEvent {
  readonly resource: TelemetryResource;
  readonly timeNs: bigint;
  /** OpenTelemetry's severity number: 9 is INFO, 13 WARN, 17 ERROR. */
  readonly severity: number;
  /** `mesh.access` for access logs. */
  readonly eventName: string;
  readonly body: string;
  /** Empty without a trace. */
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

/** Takes batches and returns at once: what it cannot keep it counts as dropped. */
export interface TelemetrySink {
  addSpans(spans: readonly SpanRecord[]): void;
  addLogs(logs: readonly LogEvent[]): void;
}
