/** Objects to store, and what store tests share. */
import assert from "node:assert/strict";
import { MeshError } from "../../src/core/errors.ts";
import type { MeshConfig } from "../../src/resource/kinds/mesh-config.ts";
import type { Service } from "../../src/resource/kinds/service.ts";
import type { Workload } from "../../src/resource/kinds/workload.ts";
import type { ObjectKey } from "../../src/resource/object.ts";
import { registry } from "../../src/resource/registry.ts";
import type { StoreErrorDetail } from "../../src/store/errors.ts";
import type { Store, Watch, WatchEvent } from "../../src/store/store.ts";

/** Runs `body` on a new store whose log keeps that many events. */
export type StoreTest = (
  title: string,
  body: (store: Store) => Promise<void>,
  logEventsMax?: number,
) => void;

export const CATALOG: ObjectKey<"Service"> = {
  kind: "Service",
  namespace: "default",
  name: "catalog",
};

export function sampleService(
  name: string,
  options: {
    readonly namespace?: string;
    readonly port?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): Service {
  const { namespace = "default", port = 80, labels = {}, annotations = {} } = options;
  return valid<Service>({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels, annotations },
    spec: { selector: { app: name }, ports: [{ name: "http", port }] },
  });
}

export function sampleWorkload(name: string): Workload {
  return valid<Workload>({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Workload",
    metadata: { name },
    spec: { address: "127.0.0.1", ports: [{ port: 8080 }] },
  });
}

export function sampleMeshConfig(): MeshConfig {
  return valid<MeshConfig>({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "MeshConfig",
    metadata: { name: "default" },
  });
}

function valid<O>(document: LooseDocument): O {
  const definition = registry.find(document.apiVersion, document.kind);
  const validation = definition?.validate(document);
  assert.ok(validation?.ok, JSON.stringify(validation));
  return validation.object as O;
}

interface LooseDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly spec?: object;
}

export function creation<O extends Service | Workload | MeshConfig>(object: O) {
  return { type: "create", object } as const;
}

/** The first items of a watch, which is then ended. */
export async function take(watch: Watch, count: number): Promise<(readonly WatchEvent[])[]> {
  const batches: (readonly WatchEvent[])[] = [];
  for (let index = 0; index < count; index++) {
    const { value } = await watch.next();
    assert.ok(value, "the watch goes on");
    batches.push(value);
  }
  await watch.return?.();
  return batches;
}

export function nameOfEvents(batches: readonly (readonly WatchEvent[])[]): string[][] {
  return batches.map((batch) => batch.map(({ object }) => object.metadata.name));
}

export async function rejectsWith(
  promise: Promise<unknown>,
  detail: { readonly code: StoreErrorDetail["code"] } & Readonly<Record<string, unknown>>,
): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof MeshError, String(error));
    assert.partialDeepStrictEqual(error.detail, detail);
    return true;
  });
}
