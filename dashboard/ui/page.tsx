/** What every view is made of: a heading with its command, panels, and honest words for nothing, waiting and failure. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { serviceName } from "../core/format.ts";
import type { Live } from "../core/live.ts";
import { refresh } from "../core/live.ts";
import { hrefTo } from "../core/location.ts";
import { CliLine } from "./cli-line.tsx";
import { Hint } from "./hint.tsx";
import { Mark } from "./status.tsx";

export interface PageProps {
  readonly title: string;
  /** What stands at the top, when it says more than the title. */
  readonly heading?: string;
  /** The heading is what one should read. */
  readonly isHero?: boolean;
  /** Beside the heading. */
  readonly lead?: ComponentChildren;
  /** Where it belongs to. */
  readonly parent?: { readonly title: string; readonly path: string };
  /** The command that shows the same. */
  readonly cli: string;
  readonly children: ComponentChildren;
}

export function Page({ title, heading, isHero = false, lead, parent, cli, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Tulle`;
  }, [title]);
  return (
    <>
      <header class={`page-head ${isHero ? "is-hero" : ""}`}>
        <div class="page-title">
          {parent && (
            <a class="page-parent" href={hrefTo(parent.path)}>
              {parent.title}
            </a>
          )}
          <h1 tabIndex={-1} id="page-title">
            {heading ?? title}
          </h1>
          {lead}
        </div>
        <CliLine command={cli} />
      </header>
      {children}
    </>
  );
}

/** A part of a view with a heading of its own. */
export function Panel({
  title,
  note,
  actions,
  class: extra = "",
  isFlush = false,
  children,
}: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly class?: string;
  /** Its content goes to the edge: a table. */
  readonly isFlush?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <section class={`panel ${isFlush ? "panel-flush" : ""} ${extra}`} aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {note !== undefined && <span class="panel-note">{note}</span>}
        {actions !== undefined && <div class="panel-actions">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

/** There is nothing, and why, and what to do about it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <svg viewBox="0 0 32 30" width="56" height="52" aria-hidden="true">
        <path
          d="M10.5 3.5 16 6.7v6.4l-5.500 3.2L5 13.1V6.7zM21.500 3.5 27 6.7v6.4l-5.500 3.2L16 13.1V6.7zM16 13.1l5.500 3.2v6.4L16 25.9l-5.500-3.2v-6.4z"
          fill="none"
          stroke="currentColor"
          stroke-width="0.9"
          stroke-dasharray="2 1.4"
          stroke-linejoin="round"
          stroke-linecap="round"
        />
      </svg>
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** Nothing could be shown. */
export function Failure({
  failure,
  onRetry = refresh,
}: {
  readonly failure: NonNullable<Live<unknown>["failure"]>;
  /** Default: everything that is shown is asked for again. */
  readonly onRetry?: () => void;
}) {
  return (
    <div class="failure" role="alert">
      <Mark look={{ shape: "square", tone: "bad" }} />
      <div>
        <strong>{failure.message}</strong>
        {failure.hint !== undefined && (
          <p>
            <Hint text={failure.hint} />
          </p>
        )}
      </div>
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

/** Grey where figures will be. */
export function Skeleton({ lines = 4 }: { readonly lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} style={{ width: `${92 - ((index * 37) % 41)}%` }} />
      ))}
    </div>
  );
}

/** The data when it is there, what stands for it until then, and the failure above old data. */
export function Loaded<T>({
  live,
  lines,
  children,
}: {
  readonly live: Live<T>;
  readonly lines?: number;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, failure } = live;
  return (
    <>
      {failure !== undefined && <Failure failure={failure} />}
      {data === undefined && failure === undefined && <Skeleton {...(lines ? { lines } : {})} />}
      {data !== undefined && children(data)}
    </>
  );
}

/** A service's name that leads to it. One that is outside the mesh leads nowhere. */
export function ServiceLink({
  service,
}: {
  readonly service: { readonly namespace: string; readonly name: string };
}) {
  const name = serviceName(service);
  if (service.name === "unknown" || service.namespace === "")
    return <span class="muted">{name}</span>;
  return <a href={hrefTo(`/services/${service.namespace}/${service.name}`)}>{name}</a>;
}
