/** `tulle get`: lists objects of one kind, or shows some of them by name. */
import type { ResourceObject } from "../../control-plane/api-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { fetchByName } from "../fetch-objects.ts";
import { columnsOf, type LiveView, readLiveView } from "../kind-columns.ts";
import { type KindNames, objectName, parseSelection } from "../kinds.ts";
import { formatAge } from "../output/age.ts";
import { type Column, renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";

export const command: Command = {
  name: "get",
  summary: "List resources, or show some by name",
  description: `KIND is a kind's name, plural or short name, in any case: Service, services, svc. Without NAME all of the namespace are listed. An empty list is no failure.

JSON shows one object, or a List of several; YAML shows documents that \`tulle apply -f -\` takes.`,
  examples: [
    { line: "tulle get services", summary: "The services of the default namespace" },
    { line: "tulle get httproute catalog -o yaml", summary: "One route, as YAML" },
    {
      line: "tulle get workloads -A -l version=v2 -o wide",
      summary: "The instances labelled version=v2 everywhere",
    },
  ],
  arguments: [
    {
      name: "KIND",
      summary: "The kind, or KIND/NAME",
      isRequired: true,
      completion: { kind: "kinds" },
    },
    {
      name: "NAME",
      summary: "Names of objects; all when left out",
      isVariadic: true,
      completion: { kind: "names", of: { argument: "KIND" } },
    },
  ],
  options: [
    { name: "all-namespaces", short: "A", summary: "List the objects of every namespace" },
    {
      name: "selector",
      short: "l",
      value: "LABELS",
      summary: "Only objects with these labels: app=catalog,version!=v1,zone in (a,b)",
    },
    { name: "no-headers", summary: "Leave out the table's titles" },
  ],
  formats: ["table", "wide", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const selection = parseSelection(input.argument("KIND"), input.variadic("NAME"));
  const { kind, names } = selection;
  const labels = input.optionalString("selector");
  const isEverywhere = input.isSet("all-namespaces");
  if (names.length > 0 && (labels !== undefined || isEverywhere)) {
    throw usageError(
      `names and ${labels === undefined ? "--all-namespaces" : "--selector"} exclude each other`,
      "leave out one",
    );
  }
  const client = await context.adminClient();
  const namespace = isEverywhere || !kind.isNamespaced ? undefined : context.globals.namespace;
  const objects =
    names.length > 0
      ? await fetchByName(context, client, selection)
      : (await client.list(kind.kind, { namespace, labels })).items;
  if (objects.length === 0 && !context.globals.isQuiet) {
    const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
    context.stderr.write(`no ${kind.plural}${where}\n`);
  }
  const isTable = ["table", "wide"].includes(context.globals.output);
  const live = isTable
    ? await readLiveView(client, kind.kind)
    : { services: new Map(), instances: new Map() };
  await writeObjects(context, {
    kind,
    objects,
    live,
    isSingle: names.length === 1,
    isEverywhere,
    hasNoTitles: input.isSet("no-headers"),
  });
  return EXIT_OK;
}

interface ObjectsView {
  readonly kind: KindNames;
  readonly objects: readonly ResourceObject[];
  readonly live: LiveView;
  readonly isSingle: boolean;
  readonly isEverywhere: boolean;
  readonly hasNoTitles: boolean;
}

async function writeObjects(context: CliContext, view: ObjectsView): Promise<void> {
  const { objects } = view;
  if (context.globals.output === "yaml") {
    // Documents instead of a List, so that the output can be applied again.
    const { stringify } = await import("yaml");
    const documents = objects.map((object) => stringify(object, { lineWidth: 0 }));
    context.stdout.write(documents.join("---\n"));
    return;
  }
  await writeResult(context, {
    data: view.isSingle ? objects[0] : { apiVersion: "v1", kind: "List", items: objects },
    names: objects.map((object) => objectName(object.kind, object.metadata.name)),
    table: (isWide) => (objects.length === 0 ? "" : tableOf(context, view, isWide)),
  });
}

function tableOf(context: CliContext, view: ObjectsView, isWide: boolean): string {
  const { style, columns: width } = context.stdout;
  const own = columnsOf(view.kind.kind);
  const hasNamespace = view.kind.isNamespaced && view.isEverywhere;
  const columns: readonly Column[] = [
    ...(hasNamespace ? [{ title: "NAMESPACE", isKept: true }] : []),
    { title: "NAME", isKept: true },
    ...own.columns,
    { title: "AGE", align: "right" },
  ];
  const rows = view.objects.map((object) => [
    ...(hasNamespace ? [object.metadata.namespace] : []),
    object.metadata.name,
    ...own.cells(object, view.live, style),
    formatAge(object.metadata.creationTimestamp, context.clock.nowMs()),
  ]);
  return renderTable({ columns, rows, style, width, isWide, hasNoTitles: view.hasNoTitles });
}
