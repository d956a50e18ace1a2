/** Fetches the objects that a command line selects. A name that does not exist gets the nearest that does. */
import type { ResourceObject } from "../control-plane/api-types.ts";
import type { AdminClient } from "./admin-client.ts";
import { AdminApiError } from "./admin-transport.ts";
import type { CliContext } from "./context.ts";
import { failedError } from "./errors.ts";
import type { KindNames, ObjectSelection } from "./kinds.ts";
import { suggestion } from "./nearest.ts";

/** The namespace to address an object of `kind` in: none for a kind that has none. */
export function namespaceFor(context: CliContext, kind: KindNames): string {
  return kind.isNamespaced ? context.globals.namespace : "";
}

/** The objects by name, in the order given. */
export async function fetchByName(
  context: CliContext,
  client: AdminClient,
  selection: ObjectSelection,
): Promise<readonly ResourceObject[]> {
  const objects: ResourceObject[] = [];
  for (const name of selection.names) {
    objects.push(await fetchOne(context, client, selection.kind, name));
  }
  return objects;
}

export async function fetchOne(
  context: CliContext,
  client: AdminClient,
  kind: KindNames,
  name: string,
): Promise<ResourceObject> {
  const namespace = namespaceFor(context, kind);
  try {
    return await client.get(kind.kind, { namespace, name });
  } catch (error) {
    if (!(error instanceof AdminApiError) || error.status !== 404) throw error;
    throw await notFound(client, kind, { namespace, name });
  }
}

/** The error for a missing object, with the nearest name, or the namespace that has it. */
export async function notFound(
  client: AdminClient,
  kind: KindNames,
  ref: { readonly namespace: string; readonly name: string },
): Promise<Error> {
  const { items } = await client.list(kind.kind);
  const where = kind.isNamespaced ? ` in namespace ${ref.namespace}` : "";
  const elsewhere = items.find((item) => item.metadata.name === ref.name);
  if (elsewhere !== undefined) {
    const { namespace } = elsewhere.metadata;
    return failedError(
      `no ${kind.kind} "${ref.name}"${where}`,
      `there is one in namespace ${namespace}: add -n ${namespace}`,
    );
  }
  const names = items
    .filter((item) => !kind.isNamespaced || item.metadata.namespace === ref.namespace)
    .map((item) => item.metadata.name);
  return failedError(
    `no ${kind.kind} "${ref.name}"${where}${suggestion(ref.name, names)}`,
    `\`tulle get ${kind.plural}\` lists them`,
  );
}
