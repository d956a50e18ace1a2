/** Live requests with filters. Nothing is asked of sidecars unless somebody looks: not when paused, hidden or left. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AccessLogView, TapEvent } from "../../../src/control-plane/telemetry-types.ts";
import { ApiFailure, apiUrl } from "../../core/api.ts";
import { parameter } from "../../core/location.ts";
import { oncePerRequest } from "../../core/logs.ts";
import { quoted } from "../../core/shell-words.ts";
import { SearchField } from "../../ui/controls.tsx";
import { Empty, Failure, Page, Panel } from "../../ui/page.tsx";
import { LogLines } from "../errors/log-lines.tsx";
import { readTap } from "./tap-stream.ts";

/** Rows that are kept: the newest. */
const ROWS_MAX = 500;
/** How long what is typed must rest before the stream is opened anew. */
const TYPING_MS = 400;
const MISSED = "Requests that end now are not seen.";
/** Requests are shown together, this often: a page that is drawn for each of hundreds a second does nothing else. */
const SHOW_MS = 500;
const FILTERS = ["service", "from", "to", "method", "path", "status"] as const;
const LABELS = {
  service: "Service",
  from: "From",
  to: "To",
  method: "Method",
  path: "Path begins with",
  status: "Status: 503, 5xx",
} as const;

type Values = Readonly<Record<(typeof FILTERS)[number], string>>;

/** The view. */
export function View() {
  const values = Object.fromEntries(
    FILTERS.map((name) => [name, parameter(name).trim()]),
  ) as Values;
  const url = apiUrl("/telemetry/tap", queryOf(values));
  const isPaused = useSignal(false);
  const rows = useSignal<readonly AccessLogView[]>([]);
  const isOpen = useSignal(false);
  const failure = useSignal<ApiFailure | undefined>(undefined);
  /** Counts what somebody asked for after a stream was lost. */
  const tries = useSignal(0);
  useEffect(() => {
    rows.value = [];
  }, [url]);
  useEffect(() => {
    if (isPaused.value) return undefined;
    let waiting: AccessLogView[] = [];
    const timer = setInterval(() => {
      if (waiting.length === 0) return;
      rows.value = [...waiting.toReversed(), ...rows.value].slice(0, ROWS_MAX);
      waiting = [];
    }, SHOW_MS);
    const end = follow(url, {
      onOpen: (open) => {
        isOpen.value = open;
        if (open) failure.value = undefined;
      },
      onFailure: (problem) => {
        failure.value = problem;
      },
      onEvents: (events) => {
        waiting = [...waiting, ...events.map(lineOf)].slice(-ROWS_MAX);
      },
    });
    return () => {
      clearInterval(timer);
      end();
    };
  }, [url, isPaused.value, tries.value]);
  return (
    <Page title="Tap" cli={commandOf(values)}>
      <div class="toolbar tap-filters">
        {FILTERS.map((name, index) => (
          <SearchField key={name} name={name} label={LABELS[name]} isMain={index === 0} />
        ))}
      </div>
      {failure.value !== undefined && (
        <Failure
          failure={failure.value}
          onRetry={() => {
            failure.value = undefined;
            tries.value++;
          }}
        />
      )}
      <Panel
        title="Requests"
        note={`${stateText(isPaused.value, isOpen.value)}, ${rows.value.length} of at most ${ROWS_MAX} kept`}
        isFlush
        actions={
          <button
            type="button"
            class="button"
            onClick={() => {
              isPaused.value = !isPaused.value;
            }}
          >
            {isPaused.value ? "Go on" : "Pause"}
          </button>
        }
      >
        {rows.value.length === 0 ? (
          <Empty title="No request yet">They appear here as they end.</Empty>
        ) : (
          <LogLines logs={oncePerRequest(rows.value)} />
        )}
      </Panel>
    </Page>
  );
}

interface Listener {
  readonly onOpen: (isOpen: boolean) => void;
  readonly onFailure: (failure: ApiFailure) => void;
  readonly onEvents: (events: readonly TapEvent[]) => void;
}

/** Follows the stream while the page is seen. What it returns ends that. */
function follow(url: string, { onOpen, onFailure, onEvents }: Listener): () => void {
  let current: AbortController | undefined;
  const end = (): void => {
    current?.abort();
    current = undefined;
    onOpen(false);
  };
  const begin = (): void => {
    if (document.hidden || current !== undefined) return;
    const mine = new AbortController();
    current = mine;
    readTap(url, mine.signal, () => onOpen(true), onEvents).then(
      () => {
        if (mine.signal.aborted) return;
        onOpen(false);
        onFailure(new ApiFailure(0, "The stream has ended.", MISSED));
      },
      (error: unknown) => {
        if (mine.signal.aborted) return;
        onOpen(false);
        onFailure(
          error instanceof ApiFailure ? error : new ApiFailure(0, "The stream was lost.", MISSED),
        );
      },
    );
  };
  const onSeen = (): void => (document.hidden ? end() : begin());
  const timer = setTimeout(begin, TYPING_MS);
  document.addEventListener("visibilitychange", onSeen);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onSeen);
    end();
  };
}

function lineOf(event: TapEvent): AccessLogView {
  const told = [...event.requestHeaders, ...event.responseHeaders];
  return { ...event, captured: { ...event.captured, ...Object.fromEntries(told) } };
}

function stateText(isPaused: boolean, isOpen: boolean): string {
  if (isPaused) return "paused";
  return isOpen ? "listening" : "not listening";
}

/** The API names services with their namespace. */
function queryOf({ service, from, to, method, path, status }: Values) {
  const [namespace, name] = qualified(service).split("/");
  return {
    ...(service === "" ? {} : { namespace: namespace ?? "", service: name ?? "" }),
    ...{ source: qualified(from), destination: qualified(to) },
    ...{ method: method.toUpperCase(), path, status },
  };
}

function qualified(name: string): string {
  return name === "" || name.includes("/") ? name : `default/${name}`;
}

function commandOf({ service, ...flags }: Values): string {
  const chosen = Object.entries(flags).filter(([, value]) => value !== "");
  const words = chosen.map(([name, value]) => ` --${name} ${quoted(value)}`).join("");
  return `tulle tap${service === "" ? "" : ` ${quoted(service)}`}${words}`;
}
