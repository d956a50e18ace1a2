/** The split that is in force, as the control plane resolved it: per route and rule, which backend gets what. */
import type { AttachedRouteView, ServiceView } from "../../control-plane/api-types.ts";
import { matchesText } from "../describe-service.ts";
import { percentText } from "../kind-columns.ts";
import type { Style } from "../output/style.ts";
import { renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";

export interface ShownBackend {
  readonly service: string;
  readonly namespace: string;
  readonly port: number | null;
  readonly weight: number;
  /** 0 to 1. */
  readonly share: number;
  /** Instances that get requests; null when there is no such Service. */
  readonly serving: number | null;
}

export interface ShownRule {
  readonly kind: string;
  readonly route: string;
  readonly accepted: boolean;
  /** Empty: every request. */
  readonly matches: readonly string[];
  readonly backends: readonly ShownBackend[];
}

export interface ShownSplit {
  readonly service: string;
  readonly namespace: string;
  /** Empty: no route divides the requests; all instances get them. */
  readonly rules: readonly ShownRule[];
  readonly versions: readonly { readonly version: string; readonly serving: number }[];
}

export function shownSplit(view: ServiceView, services: readonly ServiceView[]): ShownSplit {
  const rules = view.routes.flatMap((route) =>
    route.rules
      .filter((rule) => rule.backends.length > 0)
      .map((rule) => ({
        kind: route.kind,
        route: `${route.namespace}/${route.name}`,
        accepted: route.accepted,
        matches: rule.matches,
        backends: rule.backends.map((backend) => shownBackend(backend, services)),
      })),
  );
  return {
    service: view.name,
    namespace: view.namespace,
    rules,
    versions: view.versions.map(({ version, serving }) => ({ version, serving })),
  };
}

export function splitText(
  split: ShownSplit,
  options: { readonly style: Style; readonly columns: number | undefined },
): string {
  if (split.rules.length === 0) return unsplitText(split);
  return split.rules.map((rule) => ruleText(rule, options)).join("\n");
}

function ruleText(
  rule: ShownRule,
  { style, columns: width }: { readonly style: Style; readonly columns: number | undefined },
): string {
  const matches = matchesText(rule.matches);
  const note = rule.accepted ? "" : style.red(" (not accepted, so without effect)");
  const table = renderTable({
    columns: [
      { title: "BACKEND", isKept: true },
      { title: "WEIGHT", align: "right" },
      { title: "SHARE", align: "right" },
      { title: "SERVING", align: "right" },
    ],
    rows: rule.backends.map((backend) => [
      backend.port === null ? backend.service : `${backend.service}:${backend.port}`,
      String(backend.weight),
      percentText(backend.share, 1),
      {
        text: backend.serving === null ? "no such service" : String(backend.serving),
        paint: (backend.serving ?? 0) > 0 ? style.green : style.red,
      },
    ]),
    style,
    width,
    indent: "  ",
  });
  return `${style.bold(`${rule.kind} ${rule.route}`)}${note}: ${printable(matches)}\n${table}`;
}

function unsplitText(split: ShownSplit): string {
  const versions = split.versions
    .map(
      ({ version, serving }) => `${version === "" ? "no version" : version} (${serving} serving)`,
    )
    .join(", ");
  const who = versions === "" ? "it has no instances" : `all instances get requests: ${versions}`;
  return `no route splits service ${split.service}; ${who}\n`;
}

function shownBackend(
  backend: AttachedRouteView["rules"][number]["backends"][number],
  services: readonly ServiceView[],
): ShownBackend {
  const { name, namespace, port, weight, share } = backend;
  const view = services.find((one) => one.name === name && one.namespace === namespace);
  const serving =
    view === undefined ? null : view.versions.reduce((sum, version) => sum + version.serving, 0);
  return { service: name, namespace, port, weight, share, serving };
}
