/** A span in Zipkin's JSON, version 2; tags as OpenTelemetry's "Zipkin exporter" has them. */
import type { Attributes, SpanRecord } from "../../telemetry-record.ts";

const KINDS = {
  server: "SERVER",
  client: "CLIENT",
  producer: "PRODUCER",
  consumer: "CONSUMER",
  internal: undefined,
} as const;
/** The first that a span has names its other side. */
const REMOTE_NAMES = ["peer.service", "mesh.destination.service", "mesh.peer.service"];
const REMOTE_ADDRESSES = [
  ["network.peer.address", "network.peer.port"],
  ["client.address", "client.port"],
] as const;

export interface ZipkinEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind?: string;
  /** Microseconds, both; a duration is 1 at least. */
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: ZipkinEndpoint;
  readonly remoteEndpoint?: ZipkinEndpoint;
  readonly annotations: readonly { readonly timestamp: number; readonly value: string }[];
  readonly tags: Readonly<Record<string, string>>;
}

export function zipkinSpan(span: SpanRecord): ZipkinSpan {
  const kind = KINDS[span.kind];
  const remote = remoteEndpoint(span.attributes);
  const durationUs = Math.max(1, microseconds(span.endNs) - microseconds(span.startNs));
  return {
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentSpanId === "" ? {} : { parentId: span.parentSpanId }),
    name: span.name.toLowerCase(),
    ...(kind === undefined ? {} : { kind }),
    timestamp: microseconds(span.startNs),
    duration: durationUs,
    localEndpoint: { serviceName: span.resource.service },
    ...(remote === undefined ? {} : { remoteEndpoint: remote }),
    annotations: span.events.map((event) => ({
      timestamp: microseconds(event.timeNs),
      value: annotation(event.name, event.attributes),
    })),
    tags: tagsOf(span),
  };
}

function tagsOf(span: SpanRecord): Readonly<Record<string, string>> {
  const { namespace, version, instance } = span.resource;
  const tags: Record<string, string> = {};
  const resource = [
    ["service.namespace", namespace],
    ["service.version", version],
    ["service.instance.id", instance],
  ] as const;
  for (const [name, value] of resource) if (value !== "") tags[name] = value;
  for (const [name, value] of Object.entries(span.attributes)) tags[name] = tagValue(value);
  if (span.status !== "unset") tags["otel.status_code"] = span.status.toUpperCase();
  // Zipkin's page shows spans with this tag in red, whatever its value.
  if (span.status === "error") {
    tags["error"] = span.statusMessage || tags["error.type"] || "true";
  }
  return tags;
}

function remoteEndpoint(attributes: Attributes): ZipkinEndpoint | undefined {
  const name = REMOTE_NAMES.map((key) => attributes[key]).find((value) => value !== undefined);
  const [address, port] = REMOTE_ADDRESSES.map(
    ([host, number]) => [attributes[host], attributes[number]] as const,
  ).find(([host]) => typeof host === "string") ?? [undefined, undefined];
  const bare = typeof address === "string" ? address : "";
  const family = bare.includes(":") ? "ipv6" : /^[\d.]+$/.test(bare) ? "ipv4" : undefined;
  if (name === undefined && family === undefined) return undefined;
  return {
    ...(name === undefined ? {} : { serviceName: String(name).toLowerCase() }),
    ...(family === undefined ? {} : { [family]: bare }),
    ...(family !== undefined && Number(port) > 0 ? { port: Number(port) } : {}),
  };
}

function annotation(name: string, attributes: Attributes): string {
  const keys = Object.keys(attributes);
  return keys.length === 0 ? name : `${name}: ${JSON.stringify(attributes)}`;
}

function tagValue(value: Attributes[string]): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function microseconds(timeNs: bigint): number {
  return Number(timeNs / 1000n);
}
