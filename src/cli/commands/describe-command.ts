/** `tulle describe`: one object with everything that bears on it. */
import type { Finding, ResourceObject, ServiceView } from "../../control-plane/api-types.ts";
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { AdminClient } from "../admin-client.ts";
import { AdminApiError } from "../admin-transport.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import {
  type DescribeObjectOptions,
  describeInstance,
  describeObject,
} from "../describe-object.ts";
import { describeService } from "../describe-service.ts";
import { CliError, usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { fetchOne, namespaceFor, notFound } from "../fetch-objects.ts";
import { type KindNames, objectName, parseSelection } from "../kinds.ts";
import { mtlsFindings } from "../mtls-check.ts";
import { writeResult } from "../output/write-result.ts";
import { rolloutText } from "../rollout/rollout-text.ts";

/** Each is asked for its metrics, which takes a moment. */
const INSTANCES_ASKED_MAX = 20;

export const command: Command = {
  name: "describe",
  summary: "Show one resource with everything that bears on it",
  description: `Of a service: its ports, the instances of each version and their state, the routes with their split, the settings that are in force and which object each comes from, and what is wrong.

Of a rollout: its spec, and how far it is. Of any other kind: its spec and the conditions that the control plane found.`,
  examples: [
    { line: "tulle describe service catalog", summary: "Where requests to catalog go, and why" },
    { line: "tulle describe httproute/catalog", summary: "A route and whether it is accepted" },
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
      summary: "The object's name",
      completion: { kind: "names", of: { argument: "KIND" } },
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const second = input.optionalArgument("NAME");
  const { kind, names } = parseSelection(
    input.argument("KIND"),
    second === undefined ? [] : [second],
  );
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw usageError(
      name === undefined ? `which ${kind.kind}? A name is missing` : "describe shows one object",
      `\`tulle get ${kind.plural}\` lists them`,
    );
  }
  const client = await context.adminClient();
  if (kind.kind === "Service" || kind.kind === "ExternalService")
    await writeService(context, client, kind, name);
  else await writeObject(context, client, kind, name);
  return EXIT_OK;
}

async function writeService(
  context: CliContext,
  client: AdminClient,
  kind: KindNames,
  name: string,
): Promise<void> {
  const ref = { namespace: context.globals.namespace, name };
  const known = await client.service(ref).catch(async (error: unknown) => {
    if (!(error instanceof AdminApiError) || error.status !== 404) throw error;
    throw await notFound(client, kind, ref);
  });
  const observed = await callerFindings(client, known);
  const view = { ...known, findings: [...known.findings, ...observed] };
  await writeResult(context, {
    data: view,
    names: [objectName(kind.kind, name)],
    table: () => describeService(view, context.stdout),
  });
}

/**
 * What the sidecars of its instances have seen of callers without mutual TLS. Where they cannot be asked, the rest of the
 * description is as good.
 */
async function callerFindings(
  client: AdminClient,
  { versions }: ServiceView,
): Promise<readonly Finding[]> {
  const instances = new Set(
    versions.flatMap(({ endpoints }) => endpoints.map(({ instance }) => instance)),
  );
  if (instances.size === 0) return [];
  const { proxies } = await client.proxies().catch((error: unknown) => {
    if (!(error instanceof CliError || error instanceof AdminApiError)) throw error;
    return { proxies: [] };
  });
  const own = proxies.filter(({ id, connected }) => connected && instances.has(id));
  return (await Promise.all(own.slice(0, INSTANCES_ASKED_MAX).map(mtlsFindings))).flat();
}

async function writeObject(
  context: CliContext,
  client: AdminClient,
  kind: KindNames,
  name: string,
): Promise<void> {
  const object = await fetchOne(context, client, kind, name);
  const instances = kind.kind === "Workload" ? (await client.instances()).instances : [];
  const namespace = namespaceFor(context, kind);
  const instance = instances.find((view) => view.name === name && view.namespace === namespace);
  const { stringify } = await import("yaml");
  const options = {
    style: context.stdout.style,
    columns: context.stdout.columns,
    nowMs: context.clock.nowMs(),
    stringify: (value: unknown) => stringify(value, { lineWidth: 0 }),
  };
  await writeResult(context, {
    data: instance === undefined ? object : { ...object, instance },
    table: () =>
      describeObject(object, options) +
      (instance === undefined ? "" : `\n${describeInstance(instance, options)}`) +
      (kind.kind === "Rollout" ? `\n${progressOf(object, options)}` : ""),
  });
}

/** As `tulle rollout status` shows it. */
function progressOf(object: ResourceObject, options: DescribeObjectOptions): string {
  // Stored objects have passed their schema, so that they have its type.
  const rollout = object as unknown as Rollout;
  return rolloutText(rollout, { ...options, width: options.columns });
}
