/** `tulle split`: shows how a service's requests are divided between its versions, or divides them anew. */
import type { ApplyResponse, ServiceView } from "../../control-plane/api-types.ts";
import type { Service } from "../../resource/kinds/service.ts";
import type { AdminClient } from "../admin-client.ts";
import { AdminApiError } from "../admin-transport.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { failedError, usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { notFound } from "../fetch-objects.ts";
import { findingLines, hasErrors, keyText } from "../findings.ts";
import { percentText } from "../kind-columns.ts";
import { findKind } from "../kinds.ts";
import { renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import { planSplit, type SplitPlan } from "../split/plan-split.ts";
import { shownSplit, splitText } from "../split/shown-split.ts";
import { SPLIT_KINDS, type SplitRoute } from "../split/split-route.ts";
import { parseWeights, type VersionWeight } from "../split/weights.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";
import { applyFiles } from "./apply-command.ts";

export const command: Command = {
  name: "split",
  summary: "Divide a service's requests between its versions, or show the split",
  description: `With weights it writes the service's route, an HTTPRoute, for gRPC ports a GRPCRoute and for TCP ports a TCPRoute: the backends of the rule for every request are replaced, other rules, filters and timeouts stay as they are. Versions are told apart by the label version; a Service for each (catalog-v1: the selector of catalog plus version=v1) is made when there is none yet. A version that is not named gets no more requests from that rule.

Weights are whole numbers of any size (90 and 10, or 9 and 1), or percentages that add up to 100%. Without weights nothing is written and the split is shown.`,
  examples: [
    { line: "tulle split catalog", summary: "Show the split" },
    {
      line: "tulle split catalog v1=90 v2=10 --wait",
      summary: "A tenth to v2, and wait until every proxy does it",
    },
    { line: "tulle split catalog v1=99.5% v2=0.5%", summary: "A small canary" },
  ],
  arguments: [
    {
      name: "SERVICE",
      summary: "The service that all versions share",
      isRequired: true,
      completion: { kind: "names", of: { kind: "Service" } },
    },
    {
      name: "VERSION=WEIGHT",
      summary: "A version (v1), or the Service that is one (catalog-v1), and its weight",
      isVariadic: true,
    },
  ],
  options: [
    { name: "port", value: "NUMBER", summary: "The service's port, when it has several" },
    {
      name: "route",
      value: "NAME",
      summary: "The route to change, when several are attached",
      completion: { kind: "names", of: { kind: "HTTPRoute" } },
    },
    { name: "dry-run", summary: "Judge and report, write nothing" },
    ...WAIT_OPTIONS,
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const name = serviceName(input.argument("SERVICE"));
  const weights = parseWeights(input.variadic("VERSION=WEIGHT"));
  const timeoutMs = input.durationMs("timeout");
  if (input.isSet("wait") && (weights.length === 0 || input.isSet("dry-run"))) {
    throw usageError("nothing is written, so there is nothing to --wait for", "leave out --wait");
  }
  const client = await context.adminClient();
  const view = await fetchService(context, client, name);
  if (weights.length === 0) return await showSplit(context, client, view);
  const plan = planSplit(await readRequest(client, view, weights, input));
  const response = await applyPlan(context, client, plan, input.isSet("dry-run"));
  if (response === undefined) return EXIT_FINDINGS;
  await writePlan(context, client, plan, response);
  if (input.isSet("wait")) {
    await waitForRevision(context, { client, revision: response.revision, timeoutMs });
  }
  return hasErrors(response.findings) ? EXIT_FINDINGS : EXIT_OK;
}

/** `catalog`, and `service/catalog` as other commands print it. */
function serviceName(word: string): string {
  const slash = word.indexOf("/");
  if (slash < 0) return word;
  if (findKind(word.slice(0, slash))?.kind === "Service") return word.slice(slash + 1);
  throw usageError(`"${word}" is no service`, "name the service that all versions share");
}

async function fetchService(
  context: CliContext,
  client: AdminClient,
  name: string,
): Promise<ServiceView> {
  const ref = { namespace: context.globals.namespace, name };
  try {
    return await client.service(ref);
  } catch (error) {
    const kind = findKind("Service");
    if (!(error instanceof AdminApiError) || error.status !== 404 || kind === undefined)
      throw error;
    throw await notFound(client, kind, ref);
  }
}

async function showSplit(
  context: CliContext,
  client: AdminClient,
  view: ServiceView,
): Promise<number> {
  const { services } = await client.services();
  const shown = shownSplit(view, services);
  await writeResult(context, {
    data: shown,
    table: () => splitText(shown, context.stdout),
  });
  return EXIT_OK;
}

async function readRequest(
  client: AdminClient,
  view: ServiceView,
  weights: readonly VersionWeight[],
  input: CommandInput,
) {
  const { namespace } = view;
  const [services, ...routes] = await Promise.all([
    client.list("Service", { namespace }),
    ...SPLIT_KINDS.map((kind) => client.list(kind, { namespace })),
  ]);
  // Stored objects have passed their schema, so that they have its type.
  const typedServices = services.items as readonly unknown[] as readonly Service[];
  const service = typedServices.find((item) => item.metadata.name === view.name);
  if (service === undefined) throw failedError(`service ${view.name} was deleted meanwhile`);
  return {
    service,
    services: typedServices,
    routes: oldestFirst(
      routes.flatMap(({ items }) => items) as readonly unknown[] as readonly SplitRoute[],
    ),
    protocolOf: (port: number) => view.ports.find((one) => one.port === port)?.protocol ?? "http",
    runningVersions: view.versions
      .filter((version) => version.version !== "" && version.endpoints.length > 0)
      .map((version) => version.version),
    weights,
    port: input.isSet("port") ? input.integer("port", { min: 1, max: 65_535 }) : undefined,
    route: input.optionalString("route"),
  };
}

/** Gateway API: the oldest route has precedence, then the first by name. */
function oldestFirst(routes: readonly SplitRoute[]): readonly SplitRoute[] {
  const age = (route: SplitRoute): string => route.metadata.creationTimestamp ?? "";
  return routes.toSorted(
    (a, b) => age(a).localeCompare(age(b)) || a.metadata.name.localeCompare(b.metadata.name),
  );
}

function applyPlan(
  context: CliContext,
  client: AdminClient,
  plan: SplitPlan,
  isDryRun: boolean,
): Promise<ApplyResponse | undefined> {
  const files = [...plan.newServices, plan.route].map((object) => ({
    name: keyText({ kind: object.kind, ...object.metadata }),
    text: JSON.stringify(object),
  }));
  return applyFiles(context, client, files, isDryRun);
}

async function writePlan(
  context: CliContext,
  client: AdminClient,
  plan: SplitPlan,
  response: ApplyResponse,
): Promise<void> {
  const { services } = await client.services();
  const total = plan.backends.reduce((sum, backend) => sum + backend.weight, 0);
  const rows = plan.backends.map((backend) => {
    const view = services.find(
      (service) =>
        service.name === backend.service && service.namespace === plan.route.metadata.namespace,
    );
    return { ...backend, serving: view === undefined ? null : servingCount(view) };
  });
  const { style, columns: width } = context.stdout;
  const { dryRun, revision, objects, findings } = response;
  await writeResult(context, {
    data: { dryRun, revision, objects, split: rows, dropped: plan.dropped, findings },
    table: () =>
      renderTable({
        columns: [
          { title: "VERSION" },
          { title: "BACKEND", isKept: true },
          { title: "WEIGHT", align: "right" },
          { title: "SHARE", align: "right" },
          { title: "SERVING", align: "right" },
        ],
        rows: rows.map((row) => [
          row.version || "-",
          `${row.service}:${row.port}`,
          String(row.weight),
          percentText(row.weight, total),
          row.serving === null ? "-" : String(row.serving),
        ]),
        style,
        width,
      }),
  });
  writeNotes(context, plan, response);
  for (const row of rows) {
    if (row.weight === 0 || row.serving !== 0 || dryRun) continue;
    context.stderr.write(
      `${context.stderr.style.yellow("warning:")} ${row.service} has no instance that serves: its share of the requests will fail\n`,
    );
  }
  context.stderr.write(findingLines(findings, context.stderr.style));
}

/** What was written, on standard error: the table is the data. */
function writeNotes(context: CliContext, plan: SplitPlan, response: ApplyResponse): void {
  if (context.globals.isQuiet) return;
  const suffix = response.dryRun ? " (dry run)" : "";
  for (const object of response.objects) {
    context.stderr.write(`${keyText(object)} ${object.action}${suffix}\n`);
  }
  if (plan.dropped.length > 0) {
    context.stderr.write(`no more requests from this rule for ${plan.dropped.join(", ")}\n`);
  }
}

function servingCount(view: ServiceView): number {
  return view.versions.reduce((sum, version) => sum + version.serving, 0);
}
