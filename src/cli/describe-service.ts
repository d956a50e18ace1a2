/** A service as `tulle describe` shows it: what it is made of, who serves it, where requests go, and why. */
import type {
  AttachedRouteView,
  EffectiveSetting,
  ServiceVersionView,
  ServiceView,
} from "../control-plane/api-types.ts";
import { findingLines } from "./findings.ts";
import { labelsText } from "./json-view.ts";
import { percentText } from "./kind-columns.ts";
import type { Style } from "./output/style.ts";
import { renderTable } from "./output/table.ts";
import { printable } from "./output/text-width.ts";

export interface DescribeOptions {
  readonly style: Style;
  readonly columns: number | undefined;
}

export function describeService(view: ServiceView, options: DescribeOptions): string {
  const { style } = options;
  const sections = [
    `${style.bold(`${view.kind} ${view.namespace}/${view.name}`)}\n${factsText(view, options)}`,
    section("Versions", endpointsText(view.versions, options), style),
    section("Routes", view.routes.map((route) => routeText(route, style)).join(""), style),
    section("Effective settings", settingsText(view.policy, options), style),
    section("Findings", findingLines(view.findings, style, "  "), style),
  ];
  return sections.join("\n");
}

/** A titled block; `  none` when it is empty. */
export function section(title: string, body: string, style: Style): string {
  return `${style.bold(title)}\n${body === "" ? "  none\n" : body}`;
}

/** `name:  value` lines, aligned. */
export function factLines(
  facts: readonly (readonly [string, string])[],
  options: DescribeOptions,
): string {
  return renderTable({
    columns: [{ title: "", isKept: true }, { title: "" }],
    rows: facts.map(([name, value]) => [{ text: `${name}:`, paint: options.style.dim }, value]),
    style: options.style,
    width: options.columns,
    indent: "  ",
    hasNoTitles: true,
  });
}

function factsText(view: ServiceView, options: DescribeOptions): string {
  const ports = view.ports.map((port): readonly [string, string] => [
    `Port ${port.name === "" ? port.port : `${port.name} ${port.port}`}`,
    `${protocolText(port)} to the instances' port ${port.targetPort}; sidecars listen for callers on ${port.listenPort}`,
  ]);
  const instances = Object.keys(view.instanceIndexes).map((name): readonly [string, string] => [
    "Instance",
    `${name}.${view.host}, at an address of its own`,
  ]);
  return factLines([["Host", view.host], ...selectorFact(view), ...ports, ...instances], options);
}

/** Hosts outside the mesh are not selected. */
function selectorFact(view: ServiceView): readonly (readonly [string, string])[] {
  if (view.kind === "ExternalService") return [];
  return [["Selector", labelsText(view.selector) || "none"]];
}

/** `http (the port's name http-api)`. */
function protocolText(port: ServiceView["ports"][number]): string {
  const protocol = port.protocol === "undeclared" ? "detected" : port.protocol;
  return `${protocol} (${port.protocolOrigin})`;
}

function endpointsText(versions: readonly ServiceVersionView[], options: DescribeOptions): string {
  const { style } = options;
  const rows = versions.flatMap((version) =>
    version.endpoints.map((endpoint, index) => [
      index === 0 ? version.version || "-" : "",
      index === 0 ? `${version.serving}/${version.endpoints.length}` : "",
      endpoint.instance,
      endpoint.address,
      endpoint.zone || "-",
      { text: endpoint.state, paint: endpoint.serving ? style.green : style.yellow },
    ]),
  );
  if (rows.length === 0) return "";
  return renderTable({
    columns: [
      { title: "VERSION" },
      { title: "SERVING" },
      { title: "INSTANCE", isKept: true },
      { title: "ADDRESS" },
      { title: "ZONE" },
      { title: "STATE" },
    ],
    rows,
    style,
    width: options.columns,
    indent: "  ",
  });
}

function routeText(route: AttachedRouteView, style: Style): string {
  const accepted = route.accepted ? style.green("accepted") : style.red("not accepted");
  const head = `  ${route.kind} ${route.namespace}/${route.name} (${accepted})\n`;
  const rules = route.rules.map((rule, index) => {
    const matches = matchesText(rule.matches);
    const filters = rule.filters.map(
      (filter) => `      ${style.dim("filter:")} ${printable(filter)}\n`,
    );
    const width = Math.max(0, ...rule.backends.map((backend) => backendName(backend).length));
    const backends = rule.backends.map(
      (backend) =>
        `      ${printable(backendName(backend)).padEnd(width)}  ${percentText(backend.share, 1).padStart(6)}  (weight ${backend.weight})\n`,
    );
    const none = rule.backends.length === 0 ? "      no backend\n" : "";
    return `    rule ${index + 1}: ${printable(matches)}\n${filters.join("")}${backends.join("")}${none}`;
  });
  return head + rules.join("");
}

/** The Gateway API fills in the prefix `/` where a rule names no match. */
export function matchesText(matches: readonly string[]): string {
  if (matches.length === 0 || matches.includes("path prefix /")) return "every request";
  return matches.join(", or ");
}

function backendName(backend: AttachedRouteView["rules"][number]["backends"][number]): string {
  return backend.port === null ? backend.name : `${backend.name}:${backend.port}`;
}

function settingsText(policy: readonly EffectiveSetting[], options: DescribeOptions): string {
  if (policy.length === 0) return "";
  return renderTable({
    columns: [{ title: "FIELD", isKept: true }, { title: "VALUE" }, { title: "FROM" }],
    rows: policy.map((setting) => [setting.field, setting.value, setting.origin]),
    style: options.style,
    width: options.columns,
    indent: "  ",
  });
}
