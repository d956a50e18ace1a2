/** An explanation for people: what comes of the request first, then the way there. */
import type { EffectiveSetting } from "../../control-plane/api-types.ts";
import type { AuthzQuestion } from "../../control-plane/authz-types.ts";
import type {
  ExplainedCluster,
  ExplainedEndpoint,
  ExplainedFilter,
  ExplainedMiss,
  ExplainResponse,
  RouteSource,
} from "../../control-plane/explain/explain-types.ts";
import { keyText } from "../findings.ts";
import { percentText } from "../kind-columns.ts";
import type { Style } from "../output/style.ts";
import { type Cell, renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";

export interface TextOptions {
  readonly style: Style;
  /** Of the terminal; undefined where nothing is cut. */
  readonly columns: number | undefined;
}

export function explanationText(response: ExplainResponse, options: TextOptions): string {
  const { style } = options;
  const section = (title: string, body: string): string =>
    body === "" ? "" : `\n${style.bold(title)}\n${body}`;
  return [
    headText(response, options),
    section("Route", routeText(response, options)),
    section(passedTitle(response), passedText(response.passed, options)),
    section("Settings", settingsText(response.route?.settings ?? [], options)),
    section("Filters", filtersText(response.filters, options)),
    section("Policies", policiesText(response, options)),
    section("Authorization", authorizationText(response, options)),
    ...response.clusters.map((cluster) =>
      section(clusterTitle(cluster), clusterText(cluster, options)),
    ),
    inboundSection(response, options),
    section("Notes", response.notes.map((note) => `  ${printable(note)}\n`).join("")),
  ].join("");
}

function headText(response: ExplainResponse, options: TextOptions): string {
  const { request, from, listener, virtualHost, outcome } = response;
  const { style } = options;
  const target = `${request.path}${request.query === "" ? "" : `?${request.query}`}`;
  const isFailure = /^[45]\d\d /.test(outcome);
  const title = style.bold(printable(`${request.method} ${request.authority}${target}`));
  const facts = [
    ["From", response.gateway === null ? callerText(from) : "outside"],
    ...gatewayFacts(response),
    ["Listener", `${listener.name} (${listener.address})`],
    ["Virtual host", virtualHost === null ? "none" : virtualHost.name],
    ["Headers", request.headers.map(([name, value]) => `${name}: ${value}`).join(", ") || "none"],
    ...(request.claims === undefined
      ? []
      : [["Claims", `${JSON.stringify(request.claims)} (supposed)`] as const]),
  ] as const;
  return `${title}\n${isFailure ? style.red(printable(outcome)) : style.green(printable(outcome))}\n\n${table(facts, options)}`;
}

function gatewayFacts({ gateway, from }: ExplainResponse): readonly (readonly [string, string])[] {
  if (gateway === null) return [];
  const { namespace, name, listener } = gateway;
  return [
    ["Gateway", `${namespace}/${name} (${from.proxy ?? "as it would be"})`],
    ["Its listener", listener ?? "none is for this host"],
  ];
}

function callerText({ proxy, service, namespace }: ExplainResponse["from"]): string {
  if (proxy !== null) return service === null ? proxy : `${namespace}/${service} (${proxy})`;
  return service === null ? `a workload of namespace ${namespace}` : `${namespace}/${service}`;
}

function routeText({ route }: ExplainResponse, options: TextOptions): string {
  if (route === null) return "  none\n";
  const facts = [
    ["Name", `${route.name || "(no name)"}, ${route.position} of ${route.count}`],
    ["From", sourceText(route.source)],
    ["Match", route.match],
    ...route.changes.map((change, index) => [index === 0 ? "Changes" : "", change] as const),
  ] as const;
  return table(facts, options);
}

/** `HTTPRoute default/catalog, rule 2, match 1`. */
export function sourceText(source: RouteSource | null): string {
  if (source === null) return "no object of this mesh";
  const parts = [
    keyText(source),
    ...(source.rule === null ? [] : [`rule ${source.rule}`]),
    ...(source.match === null ? [] : [`match ${source.match}`]),
  ];
  return parts.join(", ");
}

function passedTitle({ passed, passedCount }: ExplainResponse): string {
  return passed.length < passedCount
    ? `Why not the routes before it (${passed.length} of ${passedCount}, the nearest)`
    : "Why not the routes before it";
}

function passedText(passed: readonly ExplainedMiss[], options: TextOptions): string {
  if (passed.length === 0) return "";
  return renderTable({
    columns: [
      { title: "", align: "right" },
      { title: "ROUTE", isKept: true },
      { title: "REASON", isKept: true },
    ],
    rows: passed.map(({ position, source, name, reason }) => [
      String(position),
      source === null ? name || "(no name)" : sourceText(source),
      { text: reason, paint: options.style.yellow },
    ]),
    style: options.style,
    width: options.columns,
    indent: "  ",
  });
}

function settingsText(settings: readonly EffectiveSetting[], options: TextOptions): string {
  if (settings.length === 0) return "";
  return renderTable({
    columns: [{ title: "FIELD", isKept: true }, { title: "VALUE" }, { title: "FROM" }],
    rows: settings.map(({ field, value, origin }) => [field, value, origin]),
    style: options.style,
    width: options.columns,
    indent: "  ",
  });
}

/** The second hop: at the sidecar of one of the instances. */
function inboundSection({ inbound }: ExplainResponse, options: TextOptions): string {
  if (inbound === null) return "";
  const { proxy, listener, mtls, route, outcome, filters } = inbound;
  const facts = [
    ["Listener", `${listener.name} (${listener.address})`],
    ["Mutual TLS", mtls === null ? "not told" : `${mtls.mode} (${mtls.origin})`],
    ["Route", route ?? "none"],
    ["Then", outcome],
  ] as const;
  const title = options.style.bold(printable(`At ${proxy}`));
  return `\n${title}\n${table(facts, options)}${filtersText(filters, options)}`;
}

function filtersText(filters: readonly ExplainedFilter[], options: TextOptions): string {
  if (filters.length === 0) return "";
  return renderTable({
    columns: [{ title: "FILTER", isKept: true }, { title: "ACTS" }, { title: "BECAUSE" }],
    rows: filters.map(({ name, acts, reason }) => [name, acts ? "yes" : "no", reason]),
    style: options.style,
    width: options.columns,
    indent: "  ",
  });
}

function policiesText({ policies }: ExplainResponse, options: TextOptions): string {
  if (policies.length === 0) return "";
  return renderTable({
    columns: [{ title: "POLICY", isKept: true }, { title: "TARGET" }, { title: "IN FORCE" }],
    rows: policies.map(({ object, target, inForce, reason }) => [
      keyText(object),
      keyText(target),
      inForce ? "yes" : `no: ${reason}`,
    ]),
    style: options.style,
    width: options.columns,
    indent: "  ",
  });
}

function authorizationText({ authorization }: ExplainResponse, options: TextOptions): string {
  if (authorization === null) return "";
  const { style, columns } = options;
  return renderTable({
    columns: [{ title: "WORKLOAD", isKept: true }, { title: "LETS IT IN" }, { title: "BECAUSE" }],
    rows: authorization.map(({ workloads, allowed, reason, asks }) => [
      workloads.join(", "),
      letsIn(allowed, asks, style),
      printable([...asks.map((one) => one.reason), reason].join("; ")),
    ]),
    style,
    width: columns,
    indent: "  ",
  });
}

/** What a provider would answer nobody knows. */
function letsIn(allowed: boolean, asks: readonly AuthzQuestion[], style: Style): Cell {
  if (!allowed) return { text: "no", paint: style.red };
  if (asks.length === 0) return { text: "yes", paint: style.green };
  const providers = asks.map(({ provider }) => provider).join(" and ");
  return { text: printable(`if ${providers} allows it`), paint: style.yellow };
}

function clusterTitle({ name, share }: ExplainedCluster): string {
  return `Cluster ${printable(name)}, ${percentText(share, 1)}`;
}

function clusterText(cluster: ExplainedCluster, options: TextOptions): string {
  if (!cluster.exists) return "  the proxy does not have it\n";
  const facts = [
    ["Load balancer", cluster.loadBalancer],
    ...cluster.settings.map(({ field, value }) => [field, value] as const),
  ] as const;
  return `${table(facts, options)}${endpointsText(cluster.endpoints, options)}`;
}

function endpointsText(endpoints: readonly ExplainedEndpoint[], options: TextOptions): string {
  if (endpoints.length === 0) return "  no endpoints\n";
  const { style } = options;
  const hasLive = endpoints.some(({ live }) => live !== null);
  const column = (title: string) => (hasLive ? [{ title, align: "right" as const }] : []);
  return renderTable({
    columns: [
      { title: "ENDPOINT", isKept: true },
      { title: "WORKLOAD" },
      { title: "ZONE" },
      { title: "WEIGHT", align: "right" },
      { title: "HEALTH" },
      ...column("REQUESTS"),
      ...column("CONNECTIONS"),
      { title: "MAY GET IT" },
    ],
    rows: endpoints.map((endpoint) => [
      endpoint.address,
      endpoint.workload ?? "-",
      endpoint.zone || "-",
      String(endpoint.weight),
      endpoint.live?.health ?? endpoint.health,
      ...(hasLive
        ? [String(endpoint.live?.activeRequests ?? "-"), String(endpoint.live?.connections ?? "-")]
        : []),
      endpoint.eligible
        ? { text: "yes", paint: style.green }
        : { text: `no: ${endpoint.reason ?? ""}`, paint: style.yellow },
    ]),
    style,
    width: options.columns,
    indent: "  ",
  });
}

function table(
  facts: readonly (readonly [string, string])[],
  { style, columns }: TextOptions,
): string {
  return renderTable({
    columns: [
      { title: "", isKept: true },
      { title: "", isKept: true },
    ],
    rows: facts.map(([name, value]) => [
      { text: name === "" ? "" : `${name}:`, paint: style.dim },
      printable(value),
    ]),
    style,
    width: columns,
    indent: "  ",
    hasNoTitles: true,
  });
}
