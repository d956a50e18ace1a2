/** `tulle status`: which configuration each proxy runs, and why one does not run the newest. */
import type { ProxiesResponse, ProxyTypeView, ProxyView } from "../../control-plane/proxy-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { failedError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { suggestion } from "../nearest.ts";
import { formatAge } from "../output/age.ts";
import type { Style } from "../output/style.ts";
import { type Cell, type Column, renderTable } from "../output/table.ts";
import { printable } from "../output/text-width.ts";
import { writeResult } from "../output/write-result.ts";

export const command: Command = {
  name: "status",
  summary: "Show which configuration each proxy runs, and why one does not run the newest",
  description: `STATUS is SYNCED (it acknowledged what it was sent), STALE (sent, not acknowledged yet), REFUSED (it refuses what it was sent and keeps what it had) or DISCONNECTED.

The columns CDS to SDS show, for clusters, endpoints, listeners, routes and secrets, the revision that the proxy acknowledged; 12>14 means that 14 was sent and 12 acknowledged, 14! that 14 was refused, - that the proxy does not ask for the type. A proxy runs a revision that changed nothing for it without being sent it.

Exit code 1: a proxy refuses its configuration.`,
  examples: [
    { line: "tulle status", summary: "Every proxy" },
    { line: "tulle status catalog-v1-x7k2p", summary: "One proxy, type by type" },
    { line: "tulle status -o json", summary: "For a program" },
  ],
  arguments: [
    { name: "PROXY", summary: "One proxy, by its instance name", completion: { kind: "proxies" } },
  ],
  formats: ["table", "wide", "json", "yaml", "name"],
  run,
};

/** In the order of delivery: clusters before endpoints, listeners before routes. */
const TYPES = ["cds", "eds", "lds", "rds", "sds"] as const;

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const id = input.optionalArgument("PROXY");
  const response = await (await context.adminClient()).proxies();
  const proxies = selectProxies(context, response, id);
  const hasRefused = proxies.some((proxy) => proxy.sync === "refused");
  await writeResult(context, {
    data: id === undefined ? { revision: response.revision, proxies } : proxies[0],
    names: proxies.map((proxy) => `proxy/${proxy.id}`),
    table: (isWide) =>
      id !== undefined && proxies[0] !== undefined
        ? proxyText(context, proxies[0])
        : proxiesText(context, response.revision, proxies, isWide),
  });
  return hasRefused ? EXIT_FINDINGS : EXIT_OK;
}

function selectProxies(
  context: CliContext,
  response: ProxiesResponse,
  id: string | undefined,
): readonly ProxyView[] {
  const { namespace, isNamespaceGiven } = context.globals;
  const inScope = response.proxies.filter(
    (proxy) => !isNamespaceGiven || proxy.namespace === namespace,
  );
  if (id === undefined) return inScope;
  const found = inScope.filter((proxy) => proxy.id === id);
  if (found.length > 0) return found;
  const ids = inScope.map((proxy) => proxy.id);
  throw failedError(`no proxy "${id}"${suggestion(id, ids)}`, "`tulle status` lists them");
}

function proxiesText(
  context: CliContext,
  revision: number,
  proxies: readonly ProxyView[],
  isWide: boolean,
): string {
  const { style, columns: width } = context.stdout;
  if (proxies.length === 0) return `no proxies; the newest revision is ${revision}\n`;
  const hasNamespace = new Set(proxies.map((proxy) => proxy.namespace)).size > 1;
  const columns: readonly Column[] = [
    ...(hasNamespace ? [{ title: "NAMESPACE" }] : []),
    { title: "PROXY", isKept: true },
    { title: "SERVICE" },
    { title: "STATUS", isKept: true },
    ...TYPES.map((type): Column => ({ title: type.toUpperCase(), align: "right", isKept: true })),
    { title: "STATE" },
    { title: "SINCE", align: "right" },
    { title: "PROTOCOL", isWide: true },
    { title: "AGENT", isWide: true },
    { title: "ADMIN", isWide: true },
  ];
  const nowMs = context.clock.nowMs();
  const rows = proxies.map((proxy): readonly Cell[] => [
    ...(hasNamespace ? [proxy.namespace] : []),
    proxy.id,
    proxy.service,
    syncCell(proxy, style),
    ...TYPES.map((type) =>
      typeCell(
        proxy.types.find((view) => view.type === type),
        style,
      ),
    ),
    proxy.instanceState ?? "-",
    formatAge(proxy.connected ? proxy.connectedSince : proxy.disconnectedSince, nowMs),
    proxy.protocol ?? "-",
    proxy.userAgent,
    proxy.adminAddress ?? "-",
  ]);
  const table = renderTable({ columns, rows, style, width, isWide });
  return `${table}${summaryText(proxies, revision)}${refusalsText(proxies, style)}`;
}

/** `9 proxies: 8 synced, 1 refused; newest revision 14`. */
function summaryText(proxies: readonly ProxyView[], revision: number): string {
  const counts = (["synced", "stale", "refused", "disconnected"] as const)
    .map((sync) => ({ sync, count: proxies.filter((proxy) => proxy.sync === sync).length }))
    .filter(({ count }) => count > 0)
    .map(({ sync, count }) => `${count} ${sync}`);
  const noun = proxies.length === 1 ? "proxy" : "proxies";
  return `\n${proxies.length} ${noun}: ${counts.join(", ")}; the newest revision is ${revision}\n`;
}

function refusalsText(proxies: readonly ProxyView[], style: Style): string {
  const refusals = proxies.flatMap((proxy) =>
    proxy.types.flatMap((type) =>
      type.refused === null ? [] : [{ proxy, type, refused: type.refused }],
    ),
  );
  if (refusals.length === 0) return "";
  const lines = refusals.map(({ proxy, type, refused }) => {
    const indented = refused.message.split("\n").map((line) => `    ${printable(line)}\n`);
    return `  ${proxy.id} ${type.type.toUpperCase()} revision ${refused.revision}:\n${indented.join("")}`;
  });
  return `\n${style.bold("Refused")}\n${lines.join("")}`;
}

function proxyText(context: CliContext, proxy: ProxyView): string {
  const { style, columns: width } = context.stdout;
  const nowMs = context.clock.nowMs();
  const since = formatAge(proxy.connected ? proxy.connectedSince : proxy.disconnectedSince, nowMs);
  const facts = renderTable({
    columns: [{ title: "", isKept: true }, { title: "" }],
    rows: [
      ["Status:", syncCell(proxy, style)],
      ["Service:", `${proxy.namespace}/${proxy.service}`],
      ["Identity:", proxy.spiffeId],
      [
        proxy.connected ? "Connected:" : "Disconnected:",
        `${since} ago, from ${proxy.remoteAddress ?? "-"}`,
      ],
      ["Agent:", `${proxy.userAgent}, ${proxy.protocol ?? "no"} protocol`],
      ["Admin:", proxy.adminAddress ?? "-"],
    ],
    style,
    width,
    hasNoTitles: true,
  });
  const table = renderTable({
    columns: [
      { title: "TYPE" },
      { title: "STATUS" },
      { title: "RUNS", align: "right" },
      { title: "LAST SENT", align: "right" },
      { title: "ANSWERED", align: "right" },
    ],
    rows: proxy.types.map((type) => [
      type.type.toUpperCase(),
      typeStatus(type, style),
      String(type.acknowledgedRevision ?? "-"),
      String(type.sentRevision ?? "-"),
      type.acknowledgedAt === null ? "-" : `${formatAge(type.acknowledgedAt, nowMs)} ago`,
    ]),
    style,
    width,
  });
  return `${style.bold(proxy.id)}\n${facts}\n${table}${refusalsText([proxy], style)}`;
}

function syncCell(proxy: ProxyView, style: Style): Cell {
  const text = proxy.sync.toUpperCase();
  switch (proxy.sync) {
    case "synced":
      return { text, paint: style.green };
    case "stale":
    case "disconnected":
      return { text, paint: style.yellow };
    case "refused":
      return { text, paint: style.red };
  }
}

function typeCell(type: ProxyTypeView | undefined, style: Style): Cell {
  if (type === undefined || !type.subscribed) return "-";
  if (type.refused !== null) return { text: `${type.refused.revision}!`, paint: style.red };
  const acknowledged = String(type.acknowledgedRevision ?? 0);
  if (type.stale)
    return { text: `${acknowledged}>${type.sentRevision ?? "?"}`, paint: style.yellow };
  return type.acknowledgedRevision === null ? "-" : acknowledged;
}

function typeStatus(type: ProxyTypeView, style: Style): Cell {
  if (!type.subscribed) return { text: "NOT SUBSCRIBED", paint: style.dim };
  if (type.refused !== null) return { text: "REFUSED", paint: style.red };
  return type.stale
    ? { text: "STALE", paint: style.yellow }
    : { text: "SYNCED", paint: style.green };
}
