/** The authority and its rotation as text for people. */
import type { Blocker, CaResponse, RotationView } from "../../control-plane/ca-types.ts";
import { formatSpan } from "../output/age.ts";
import type { Style } from "../output/style.ts";
import { type Cell, renderTable } from "../output/table.ts";

export interface TextOptions {
  readonly style: Style;
  readonly width: number | undefined;
  readonly nowMs: number;
}

/** Blockers that are listed before it says how many more there are. */
const BLOCKERS_MAX = 10;
/** The same in one line. */
const NAMED_MAX = 3;
/** A root that expires sooner is worth a colour. */
const SOON_MS = 30 * 86_400_000;

export function statusText(ca: CaResponse, options: TextOptions): string {
  const { style } = options;
  const active = ca.roots.find(({ state }) => state === "active");
  const others = ca.certificates.filter(({ root }) => root !== active?.id);
  const sections = [
    `${style.bold(`Roots of ${ca.trustDomain}`)}\n${rootTable(ca, options)}`,
    ...issuerText(ca, options),
    ...(ca.controlPlane === null
      ? []
      : [
          `The control plane's certificate is under ${ca.controlPlane.root} until ${ca.controlPlane.notAfter}.\n`,
        ]),
    ...(others.length === 0
      ? []
      : [`${style.bold("Certificates under other roots")}\n${certificateTable(others, options)}`]),
    ...behind(ca, active?.id, options),
    ...(ca.rotation === null ? [] : [rotationText(ca.rotation, options)]),
  ];
  return sections.join("\n");
}

/** Nothing for the built-in authority: the table of roots says it all. */
function issuerText({ issuer }: CaResponse, { style }: TextOptions): string[] {
  const { kind, place, notAfter, lastError, lastErrorAt } = issuer;
  if (kind === "built-in") return [];
  const until = notAfter === null ? "" : `, with a certificate that is valid until ${notAfter}`;
  const error =
    lastError === null ? "" : `${style.red(`Last error, at ${lastErrorAt}: ${lastError}`)}\n`;
  return [`Certificates are signed by the issuer ${kind} at ${place}${until}.\n${error}`];
}

function rootTable(ca: CaResponse, { style, width, nowMs }: TextOptions): string {
  return renderTable({
    columns: [
      { title: "ROOT", isKept: true },
      { title: "STATE" },
      { title: "EXPIRES" },
      { title: "CERTIFICATES", align: "right" },
      { title: "TRUSTED BY", align: "right" },
    ],
    rows: ca.roots.map((root): readonly Cell[] => {
      const leftMs = Date.parse(root.notAfter) - nowMs;
      const paint = leftMs <= 0 ? style.red : leftMs < SOON_MS ? style.yellow : style.green;
      return [
        root.id,
        root.state,
        { text: leftMs <= 0 ? "expired" : `in ${formatSpan(leftMs)}`, paint },
        String(root.certificates),
        `${root.bundles} proxies`,
      ];
    }),
    ...{ style, width },
  });
}

function certificateTable(
  certificates: CaResponse["certificates"],
  { style, width, nowMs }: TextOptions,
): string {
  return renderTable({
    columns: [
      { title: "HOLDER", isKept: true },
      { title: "IDENTITY" },
      { title: "ROOT" },
      { title: "EXPIRES" },
      { title: "CONNECTED" },
    ],
    rows: certificates.map((one) => [
      one.instance === "" ? one.serial : one.instance,
      one.spiffeId,
      one.root,
      `in ${formatSpan(Date.parse(one.notAfter) - nowMs)}`,
      one.connected ? "yes" : "no",
    ]),
    ...{ style, width },
  });
}

/** Proxies that do not trust the root that signs, or of which that is unknown. */
function behind(ca: CaResponse, activeId: string | undefined, { style }: TextOptions): string[] {
  const late = ca.bundles.filter(
    ({ roots }) => activeId !== undefined && roots?.includes(activeId) !== true,
  );
  if (late.length === 0) return [];
  const lines = late.map(({ proxy, connected, roots }) => {
    const what = roots === null ? "has acknowledged no bundle yet" : `trusts ${roots.join(", ")}`;
    return `  ${proxy} ${what}${connected ? "" : " and is not connected"}\n`;
  });
  return [`${style.bold("Proxies that do not trust the active root yet")}\n${lines.join("")}`];
}

/** Some lines: the steps with their marks, and what the one under way waits for. */
export function rotationText(rotation: RotationView, { style, nowMs }: TextOptions): string {
  const { from, to, state, steps, blockers, issuer } = rotation;
  const change = issuer === undefined ? "" : `, and from ${issuer.from} to ${issuer.to}`;
  const title = `Rotation from ${from} to ${to ?? "a new root"}${change}: ${state}`;
  const lines = steps.map(({ step, state: stepState, doneAt }) => {
    if (stepState === "done") {
      return `  ${style.green("√")} ${step}  ${formatSpan(nowMs - Date.parse(doneAt ?? ""))} ago\n`;
    }
    if (stepState === "running") return `  ${style.yellow("…")} ${step}\n`;
    return `    ${style.dim(step)}\n`;
  });
  return `${style.bold(title)}\n${lines.join("")}${blockersText(blockers)}`;
}

/** One line: for logs and pipes, when something changed. */
export function rotationLine({ state, steps, blockers, from, to }: RotationView): string {
  const done = steps.filter((one) => one.state === "done").map(({ step }) => step);
  const next = steps.find((one) => one.state !== "done")?.step;
  const named = blockers.slice(0, NAMED_MAX).map(({ who }) => who);
  const more = blockers.length > NAMED_MAX ? ", …" : "";
  const waiting =
    blockers.length === 0 ? "" : `, waits for ${blockers.length}: ${named.join(", ")}${more}`;
  const where = next === undefined ? "" : ` next ${next}${waiting}`;
  return `rotation ${from} -> ${to ?? "?"} ${state}: done ${done.join(", ") || "nothing"};${where}`.replace(
    /;$/,
    "",
  );
}

export function blockersText(blockers: readonly Blocker[]): string {
  const shown = blockers.slice(0, BLOCKERS_MAX);
  const lines = shown.map(({ who, reason }) => `  waits: ${who} ${reason}\n`);
  const more = blockers.length - shown.length;
  return `${lines.join("")}${more > 0 ? `  and ${more} more\n` : ""}`;
}
