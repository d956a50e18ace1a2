/** Objects: list, get, delete. */
import { Hono } from "hono";
import type { AnyObject, KindName } from "../../resource/kind-map.ts";
import { formatKey, type ObjectKey } from "../../resource/object.ts";
import type { AnyKindDefinition } from "../../resource/registry.ts";
import { revisionOf } from "../../store/store.ts";
import type { Principal } from "../access/principal.ts";
import { isAtLeast, readerOf, writerOf } from "../access/roles.ts";
import type { DeleteResponse, ResourceListResponse, ResourceObject } from "../api-types.ts";
import { changeEvent } from "../audit/object-change.ts";
import { isRegistered } from "../workload-object.ts";
import { denied } from "./access-guard.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { parseLabelSelector } from "./label-selector.ts";

export function resourceRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const { store } = deps;
  const app = new Hono<AdminEnv>();

  app.get("/resources/:kind", async (context) => {
    const definition = kindOf(deps, context.req.param("kind"));
    assertReadable(deps, definition.kind, context.get("principal"));
    const namespace = context.req.query("namespace");
    const selects = parseLabelSelector(context.req.query("labelSelector") ?? "");
    const { objects, revision } = await store.list(
      definition.kind as KindName,
      namespace === undefined || !definition.namespaced ? {} : { namespace },
    );
    const response: ResourceListResponse = {
      kind: definition.kind,
      apiVersion: definition.apiVersion,
      revision,
      items: objects.filter(({ metadata }) => selects(metadata.labels)).map(resourceObject),
    };
    return context.json(response);
  });

  app.get("/resources/:kind/:namespace/:name", async (context) => {
    const key = keyFrom(deps, context.req.param());
    assertReadable(deps, key.kind, context.get("principal"));
    return context.json(resourceObject(await find(deps, key)));
  });

  app.delete("/resources/:kind/:namespace/:name", async (context) => {
    const key = keyFrom(deps, context.req.param());
    const principal = context.get("principal");
    context.set("audited", { isTold: true });
    if (!isAtLeast(principal.role, writerOf(key.kind))) {
      const what = `deleting ${formatKey(key)}`;
      throw denied(deps, principal, { needed: writerOf(key.kind), what });
    }
    const object = await find(deps, key);
    assertNotLeased(deps, object);
    const deleted = await store.delete(key);
    const change = { before: object, after: undefined, revision: revisionOf(deleted) };
    deps.audit.record(changeEvent(principal, { action: "deleted", ...change }));
    const response: DeleteResponse = { object: key, revision: revisionOf(deleted) };
    return context.json(response);
  });

  return app;
}

/** Throws `forbidden` for a kind that holds secrets. */
export function assertReadable(deps: AdminApiDeps, kind: string, principal: Principal): void {
  const needed = readerOf(kind);
  if (isAtLeast(principal.role, needed)) return;
  throw denied(deps, principal, { needed, what: `reading objects of kind ${kind}` });
}

/** Finds a kind as a person writes it. Throws `unknown_kind`, with the nearest. */
export function kindOf(deps: Pick<AdminApiDeps, "kinds">, name: string): AnyKindDefinition {
  const definition = deps.kinds.lookup(name);
  if (definition !== undefined) return definition;
  const suggestion = deps.kinds.suggest(name);
  const known = deps.kinds.kinds.map(({ kind }) => kind).join(", ");
  throw apiError("unknown_kind", `there is no kind "${name}"`, {
    hint: suggestion === undefined ? `kinds are ${known}` : `did you mean ${suggestion}?`,
  });
}

export function resourceObject(object: AnyObject): ResourceObject {
  return object as unknown as ResourceObject;
}

function keyFrom(
  deps: AdminApiDeps,
  parameters: { readonly kind: string; readonly namespace: string; readonly name: string },
): ObjectKey<KindName> {
  const definition = kindOf(deps, parameters.kind);
  const namespace = definition.namespaced ? parameters.namespace : "";
  return { kind: definition.kind as KindName, namespace, name: parameters.name };
}

async function find(deps: AdminApiDeps, key: ObjectKey<KindName>): Promise<AnyObject> {
  const object = await deps.store.get(key.kind, key.namespace, key.name);
  if (object !== undefined) return object;
  throw apiError("not_found", `there is no ${formatKey(key)}`);
}

/** The Workload of a connected instance would come back at once: its sidecar is its owner. */
function assertNotLeased(deps: AdminApiDeps, object: AnyObject): void {
  if (object.kind !== "Workload" || !isRegistered(object)) return;
  const { namespace, name } = object.metadata;
  if (deps.registry.get(`${namespace}/${name}`)?.lease === undefined) return;
  throw apiError("conflict", `Workload ${namespace}/${name} belongs to a connected sidecar`, {
    hint: "stop the instance; its Workload then goes by itself",
  });
}
