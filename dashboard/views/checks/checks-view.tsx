/** What is valid and will not do what its author wants, the worst first; below it what was looked at and is right. */
import type { ChecksResponse, CheckView, Finding } from "../../../src/control-plane/api-types.ts";
import { serviceName } from "../../core/format.ts";
import { SEVERITY } from "../../core/health.ts";
import { useLive } from "../../core/live.ts";
import { hrefTo, parameter, setParameters } from "../../core/location.ts";
import { Hint } from "../../ui/hint.tsx";
import { Empty, Loaded, Page, Panel } from "../../ui/page.tsx";
import { Badge, Mark } from "../../ui/status.tsx";

const SEVERITIES = ["error", "warning", "info"] as const;
const PASSED = { shape: "circle", tone: "ok" } as const;

/** Objects that have a view of their own. */
const VIEW_OF_KIND: Readonly<Record<string, string>> = {
  Service: "/services",
  ExternalService: "/services",
  Rollout: "/rollouts",
};

interface Found {
  readonly finding: Finding;
  readonly check: CheckView;
}

/** The view. */
export function View() {
  const live = useLive<ChecksResponse>("/checks");
  return (
    <Page title="Checks" cli="tulle check">
      <Loaded live={live} lines={8}>
        {({ checks }) => <Checks checks={checks} />}
      </Loaded>
    </Page>
  );
}

function Checks({ checks }: { readonly checks: readonly CheckView[] }) {
  const found = checks
    .flatMap((check) => check.findings.map((finding): Found => ({ finding, check })))
    .toSorted((a, b) => SEVERITY[a.finding.severity].rank - SEVERITY[b.finding.severity].rank);
  const wanted = parameter("severity");
  const shown = found.filter(({ finding }) => wanted === "" || finding.severity === wanted);
  return (
    <div class="stack">
      {found.length === 0 ? (
        <Empty title="Nothing is wrong">
          {checks.length} questions were asked, and every answer is good.
        </Empty>
      ) : (
        <Panel
          title="Findings"
          note={`${found.length} in all`}
          isFlush
          actions={<SeverityFilter found={found} />}
        >
          {shown.length === 0 && <p class="panel-empty muted">None is of this kind.</p>}
          <ol class="findings">
            {shown.map((one) => (
              <FindingItem key={keyOf(one)} found={one} />
            ))}
          </ol>
        </Panel>
      )}
      <Questions checks={checks} />
    </div>
  );
}

function keyOf({ finding, check }: Found): string {
  const { code, object, path, message } = finding;
  return [check.name, code, object && objectText(object), path, message].join(" ");
}

function SeverityFilter({ found }: { readonly found: readonly Found[] }) {
  const wanted = parameter("severity");
  return (
    <fieldset class="filter-chips">
      <legend class="visually-hidden">Severity</legend>
      {SEVERITIES.map((severity) => {
        const count = found.filter(({ finding }) => finding.severity === severity).length;
        if (count === 0) return null;
        return (
          <button
            key={severity}
            type="button"
            class="chip"
            aria-pressed={wanted === severity}
            onClick={() => setParameters({ severity: wanted === severity ? null : severity })}
          >
            <Mark look={SEVERITY[severity]} />
            {SEVERITY[severity].word} <span class="faint">{count}</span>
          </button>
        );
      })}
    </fieldset>
  );
}

function FindingItem({ found: { finding, check } }: { readonly found: Found }) {
  const { severity, code, message, object, path, hint } = finding;
  const look = SEVERITY[severity];
  return (
    <li class="finding">
      <Mark look={look} />
      <div class="finding-text">
        <p class="finding-where">
          <span class="visually-hidden">{look.word}: </span>
          {object === undefined ? (
            <span class="muted">{check.title}</span>
          ) : (
            <Subject object={object} />
          )}
          {path !== undefined && path !== "" && <code class="finding-path">{path}</code>}
        </p>
        <strong>{message}</strong>
        {hint !== undefined && (
          <p class="muted">
            <Hint text={hint} />
          </p>
        )}
      </div>
      <div class="finding-side">
        <Badge tone={look.tone}>{code}</Badge>
        {object !== undefined && (
          <span class="faint">
            <code>docs/reference/resources/{object.kind.toLowerCase()}.md</code>
          </span>
        )}
      </div>
    </li>
  );
}

type Target = NonNullable<Finding["object"]>;

function objectText({ kind, namespace, name }: Target): string {
  return `${kind} ${serviceName({ namespace, name })}`;
}

function Subject({ object }: { readonly object: Target }) {
  const view = VIEW_OF_KIND[object.kind];
  const text = objectText(object);
  if (view === undefined) return <span class="finding-object">{text}</span>;
  return <a href={hrefTo(`${view}/${object.namespace}/${object.name}`)}>{text}</a>;
}

/** Everything that was asked, so that silence is told from not having looked. */
function Questions({ checks }: { readonly checks: readonly CheckView[] }) {
  const passed = checks.filter(({ status }) => status === "pass").length;
  return (
    <Panel title="What was looked at" note={`${passed} of ${checks.length} pass`} isFlush>
      <ul class="questions">
        {checks.map(({ name, title, status }) => (
          <li key={name}>
            <Mark
              look={status === "pass" ? PASSED : SEVERITY[status === "fail" ? "error" : "warning"]}
            />
            <span>{title}</span>
            <span class="faint">
              {status === "pass" ? "passes" : status === "fail" ? "fails" : "warns"}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
