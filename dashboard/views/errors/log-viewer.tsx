/** The access log with its filters, which stand in the address, and older lines on demand. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AccessLogView, LogsResponse } from "../../../src/control-plane/telemetry-types.ts";
import { ApiFailure, apiUrl, getJson } from "../../core/api.ts";
import { useLive } from "../../core/live.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { oncePerRequest } from "../../core/logs.ts";
import { rangeFlags, rangeParameters } from "../../core/time-range.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { SearchField, SegmentedParameter } from "../../ui/controls.tsx";
import { Empty, Loaded, Panel } from "../../ui/page.tsx";
import { Badge } from "../../ui/status.tsx";
import { LogLines } from "./log-lines.tsx";

const PAGE = 50;
/** Older lines that are kept; who wants more narrows the range. */
const OLDER_MAX = 1_000;
const STATUSES = [
  { value: "5xx", label: "Failing" },
  { value: "4xx", label: "4xx" },
  { value: "all", label: "All" },
];

/** The query of `/telemetry/logs` that the address asks for. */
export function logQuery(): Readonly<Record<string, string>> {
  const [namespace, service] = parameter("service").split("/");
  const status = parameter("status") || "5xx";
  return {
    ...rangeParameters.value,
    ...(service === undefined ? {} : { namespace: namespace ?? "", service }),
    status: status === "all" ? "" : status,
    flag: parameter("flag"),
    text: parameter("text"),
  };
}

export function LogViewer({
  of,
  explanations,
}: {
  /** The service, with a space in front, as a command has it. */
  readonly of: string;
  readonly explanations: ReadonlyMap<string, string>;
}) {
  const query = logQuery();
  const live = useLive<LogsResponse>("/telemetry/logs", { ...query, limit: PAGE });
  const [flag, service] = [parameter("flag"), parameter("service")];
  return (
    <Panel
      title="Requests"
      note="the newest first"
      isFlush
      class="log-panel"
      actions={<CliLine command={`tulle logs${of}${flagsOf(query)}${rangeFlags.value}`} />}
    >
      <div class="toolbar log-toolbar">
        <SegmentedParameter name="status" label="Status" choices={STATUSES} />
        <SearchField name="text" label="Find in method, path, ids" isMain />
        {service !== "" && <Filter name="service" value={service} />}
        {flag !== "" && <Filter name="flag" value={flag} />}
      </div>
      <Loaded live={live} lines={6}>
        {({ logs, next }) =>
          logs.length === 0 ? (
            <Empty title="No request is like that">
              In this time, the sidecars have told of none that these filters let through.
            </Empty>
          ) : (
            <>
              <LogLines logs={oncePerRequest(logs)} explanations={explanations} />
              <OlderLogs key={JSON.stringify(query)} {...{ query, next, explanations }} />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** What is chosen, as `tulle logs` has it. */
function flagsOf({ status, flag, text }: Readonly<Record<string, string>>): string {
  const chosen = Object.entries({ status, flag, text }).filter(([, value]) => value);
  return chosen.map(([name, value = ""]) => ` --${name} ${quoted(value)}`).join("");
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function Filter({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <button
      type="button"
      class="chip"
      aria-label={`Remove the filter ${name} ${value}`}
      onClick={() => setParameters({ [name]: null })}
    >
      <span class="muted">{name}</span> {value} <span aria-hidden="true">×</span>
    </button>
  );
}

/** Lines before those that are live. They stay as they were asked for. */
function OlderLogs({
  query,
  next,
  explanations,
}: {
  readonly query: Readonly<Record<string, string>>;
  readonly next: string | null;
  readonly explanations: ReadonlyMap<string, string>;
}) {
  const older = useSignal<readonly AccessLogView[]>([]);
  const cursor = useSignal<string | null>(next);
  const problem = useSignal("");
  useEffect(() => {
    if (older.value.length === 0) cursor.value = next;
  }, [next]);
  const load = async (): Promise<void> => {
    if (cursor.value === null) return;
    const url = apiUrl("/telemetry/logs", { ...query, limit: PAGE, before: cursor.value });
    try {
      const answer = await getJson<LogsResponse>(url);
      older.value = [...older.value, ...oncePerRequest(answer.logs)];
      cursor.value = older.value.length >= OLDER_MAX ? null : answer.next;
      problem.value = "";
    } catch (error) {
      problem.value = error instanceof ApiFailure ? error.message : String(error);
    }
  };
  return (
    <>
      {older.value.length > 0 && <LogLines logs={older.value} explanations={explanations} />}
      {problem.value !== "" && <Badge tone="bad">{problem.value}</Badge>}
      {cursor.value !== null && (
        <div class="log-more">
          <button type="button" class="button" onClick={() => void load()}>
            Show older ones
          </button>
        </div>
      )}
    </>
  );
}
