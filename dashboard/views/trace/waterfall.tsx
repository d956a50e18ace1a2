/** Spans as bars below each other, indented by who called whom; one that is opened shows all that is known of it. */
import { useSignal } from "@preact/signals";
import type { SpanView, TraceResponse } from "../../../src/control-plane/telemetry-types.ts";
import { formatMs, serviceName } from "../../core/format.ts";
import { useRoving } from "../../core/roving.ts";
import { Icon } from "../../ui/icons.tsx";
import { memo } from "../../ui/memo.ts";
import { Panel } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";

/** Lines of the time scale. */
const TICKS = [0, 0.25, 0.5, 0.75, 1];
/** Colours for services; their names stand in each row. */
const HUES = 6;
/** Deeper spans are not indented further. */
const INDENT_MAX = 12;

export function Waterfall({ trace }: { readonly trace: TraceResponse }) {
  const roving = useRoving<HTMLOListElement>();
  const { spans, summary } = trace;
  const depths = depthsOf(spans);
  const services = [...new Set(spans.map(({ service }) => serviceName(service)))];
  return (
    <Panel title="Spans" isFlush class="waterfall">
      <div class="waterfall-scale" aria-hidden="true">
        <span />
        <div>
          {TICKS.map((tick) => (
            <span key={tick} class="tabular" style={{ left: `${tick * 100}%` }}>
              {formatMs(tick * summary.durationMs)}
            </span>
          ))}
        </div>
      </div>
      <ol ref={roving}>
        {spans.map((span) => (
          <li key={span.spanId}>
            <SpanRow
              span={span}
              depth={depths.get(span.spanId) ?? 0}
              totalMs={summary.durationMs}
              hue={services.indexOf(serviceName(span.service)) % HUES}
            />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** Parents stand before their children. One whose parent is missing stands at the left. */
function depthsOf(spans: readonly SpanView[]): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  for (const { spanId, parentSpanId } of spans) {
    const above = parentSpanId === null ? undefined : depths.get(parentSpanId);
    depths.set(spanId, above === undefined ? 0 : Math.min(INDENT_MAX, above + 1));
  }
  return depths;
}

interface SpanRowProps {
  readonly span: SpanView;
  readonly depth: number;
  readonly totalMs: number;
  readonly hue: number;
}

const SpanRow = memo(function SpanRow({ span, depth, totalMs, hue }: SpanRowProps) {
  const isOpen = useSignal(false);
  const { name, service, kind, offsetMs, durationMs, isError, attributes } = span;
  const resend = attributes["http.request.resend_count"];
  const total = totalMs || 1;
  const place = placeOfTime(offsetMs, durationMs, total);
  return (
    <div class={`span-row ${isError ? "is-error" : ""} ${isOpen.value ? "is-open" : ""}`}>
      <button
        type="button"
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <span class="span-name" style={{ paddingLeft: `${depth * 14}px` }}>
          <Icon name={isOpen.value ? "down" : "right"} size={10} />
          <i class={`hue hue-${hue}`} aria-hidden="true" />
          <span class="span-words">
            <b>{serviceName(service)}</b> <span>{nameWithPath(name, attributes)}</span>
          </span>
          {isError && (
            <span class="status tone-bad">
              <Mark look={{ shape: "square", tone: "bad" }} />
              <span class="visually-hidden">failed</span>
            </span>
          )}
          {resend !== undefined && <Badge tone="warn">retry {resend}</Badge>}
          <span class="span-kind faint">{kind}</span>
        </span>
        <span class="span-track">
          <span
            class={`span-bar hue-${hue}`}
            style={{
              left: `${Math.min(99.5, (100 * offsetMs) / total)}%`,
              width: `${Math.max(0.4, (100 * durationMs) / total)}%`,
            }}
          />
          <span class={`span-time tabular ${place.class ?? ""}`} style={place.style}>
            {formatMs(durationMs)}
          </span>
        </span>
      </button>
      {isOpen.value && <SpanDetail span={span} />}
    </div>
  );
});

/** `GET /items`: names have no path, so that there are few of them; people want it. */
function nameWithPath(name: string, attributes: SpanView["attributes"]): string {
  const full = attributes["url.full"];
  const path =
    attributes["url.path"] ??
    (full !== undefined && URL.canParse(full) ? new URL(full).pathname : undefined);
  return path === undefined || name.includes("/") ? name : `${name} ${path}`;
}

/** After the bar, before it where there is no room, and on it where there is none either. */
function placeOfTime(offsetMs: number, durationMs: number, totalMs: number) {
  const [begin, end] = [offsetMs / totalMs, (offsetMs + durationMs) / totalMs];
  if (end < 0.86) return { style: { left: `calc(${100 * end}% + 6px)` } };
  if (begin > 0.14) return { style: { right: `calc(${100 * (1 - begin)}% + 6px)` } };
  return { class: "is-inside", style: { right: `calc(${100 * Math.max(0, 1 - end)}% + 6px)` } };
}

function SpanDetail({ span }: { readonly span: SpanView }) {
  const { attributes, events, instance, statusMessage, spanId, offsetMs } = span;
  const known: readonly (readonly [string, string])[] = [
    ["begins", `${formatMs(offsetMs)} after the trace`],
    ["instance", instance],
    ["status", statusMessage],
    ["span id", spanId],
    ...Object.entries(attributes),
  ];
  return (
    <div class="span-detail">
      <dl>
        {known
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="mono">{value}</dd>
            </div>
          ))}
      </dl>
      {events.length > 0 && (
        <ol class="span-events">
          {events.map((event) => (
            <li key={`${event.name} ${event.offsetMs}`}>
              <span class="tabular muted">{formatMs(event.offsetMs)}</span> <b>{event.name}</b>{" "}
              {Object.entries(event.attributes).map(([name, value]) => (
                <code key={name}>
                  {name}={value}{" "}
                </code>
              ))}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
