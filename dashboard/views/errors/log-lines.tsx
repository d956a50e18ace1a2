/** Lines of the access log, the newest first: a line each, everything that is known of one when it is opened. */
import type { AccessLogView } from "../../../src/control-plane/telemetry-types.ts";
import { formatBytes, formatMs, formatPreciseTime, serviceName } from "../../core/format.ts";
import { hrefTo } from "../../core/location.ts";
import { useRoving } from "../../core/roving.ts";
import { memo } from "../../ui/memo.ts";
import { Badge } from "../../ui/status.tsx";

export interface LogLinesProps {
  readonly logs: readonly AccessLogView[];
  /** What flags mean. */
  readonly explanations?: ReadonlyMap<string, string>;
}

export function LogLines({ logs, explanations }: LogLinesProps) {
  const roving = useRoving<HTMLOListElement>();
  return (
    <ol class="log-lines" ref={roving}>
      {logs.map((log) => (
        <li key={`${log.time} ${log.requestId} ${log.reporter} ${log.instance}`}>
          <LogLine log={log} explanation={explanations?.get(log.flags)} />
        </li>
      ))}
    </ol>
  );
}

/** `POST`, or what a call that is no HTTP is. */
const NO_METHOD = "TCP";

const LogLine = memo(function LogLine({
  log,
  explanation,
}: {
  readonly log: AccessLogView;
  readonly explanation: string | undefined;
}) {
  const { time, method, path, source, destination, durationMs, traceId, flags, attempts } = log;
  return (
    <details class="log-line">
      <summary>
        <time dateTime={time}>{formatPreciseTime(time)}</time>
        <StatusBadge log={log} />
        <span class="log-request mono">
          {method ?? NO_METHOD} {path}
        </span>
        <span class="log-parties muted">
          {serviceName(source)} → {serviceName(destination)}
        </span>
        <span class="log-flags">
          {flags !== "" && flags !== "-" && (
            <abbr class="mono" title={explanation ?? log.details ?? "response flag"}>
              {flags}
            </abbr>
          )}
          {attempts > 1 && <Badge tone="warn">{attempts} attempts</Badge>}
        </span>
        <span class="numeric tabular">{formatMs(durationMs)}</span>
      </summary>
      <div class="log-detail">
        {explanation !== undefined && <p>{explanation}</p>}
        <dl>
          {fieldsOf(log).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="mono">{value}</dd>
            </div>
          ))}
        </dl>
        {traceId !== null && <a href={hrefTo(`/traces/${traceId}`)}>Open the trace</a>}
      </div>
    </details>
  );
});

function StatusBadge({ log: { responseCode, grpcStatus } }: { readonly log: AccessLogView }) {
  if (grpcStatus !== null) {
    return <Badge tone={grpcStatus === 0 ? "ok" : "bad"}>gRPC {grpcStatus}</Badge>;
  }
  if (responseCode === 0) return <Badge tone="bad">no answer</Badge>;
  return (
    <Badge tone={responseCode >= 500 ? "bad" : responseCode >= 400 ? "warn" : "ok"}>
      {responseCode}
    </Badge>
  );
}

function fieldsOf(log: AccessLogView): readonly (readonly [string, string])[] {
  const fields: readonly (readonly [string, string | number | null])[] = [
    ["route", log.route],
    ["instance", log.instance],
    ["upstream", log.upstreamHost],
    ["details", log.details],
    ["authority", log.authority],
    ["protocol", log.protocol],
    ["received", formatBytes(log.bytesReceived)],
    ["sent", formatBytes(log.bytesSent)],
    ["reported by", log.reporter],
    ["request id", log.requestId],
    ["trace id", log.traceId],
    ...Object.entries(log.captured),
  ];
  return fields.flatMap(([name, value]) =>
    value === null || value === "" ? [] : [[name, String(value)] as const],
  );
}
