/**
 * What every object of the mesh has in common, after the Kubernetes object model: who it is
 * (`metadata`), what its author wants (`spec`) and what the control plane found (`status`).
 */

/** The namespace of a namespaced object whose author names none. */
export const DEFAULT_NAMESPACE = "default";

/** Deeply read-only: objects are shared between the store, its watchers and snapshots. */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

export interface ObjectMeta {
  readonly name: string;
  /** Empty for a cluster-scoped kind, never empty for a namespaced one. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Given by the store at creation; tells an object from a later one of the same name. */
  readonly uid?: string;
  /** 1 at creation, one more with each change of `spec`. Given by the store. */
  readonly generation?: number;
  /** The store revision, in decimal, that last wrote the object. Given by the store. */
  readonly resourceVersion?: string;
  /** RFC 3339 in UTC. Given by the store at creation. */
  readonly creationTimestamp?: string;
}

/** One aspect of an object's state, in the vocabulary of Kubernetes and the Gateway API. */
export interface Condition {
  /** `Accepted`, `ResolvedRefs`, … */
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** One word in CamelCase: why. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  /** The generation of the object that was judged. */
  readonly observedGeneration: number;
  /** When `status` last changed, RFC 3339 in UTC. */
  readonly lastTransitionTime: string;
}

export interface ObjectStatus {
  readonly conditions?: readonly Condition[];
}

/** An object of kind `K`. Parsed specs hold every default of their schema. */
export interface MeshObject<
  K extends string = string,
  S = unknown,
  T extends ObjectStatus = ObjectStatus,
> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: ObjectMeta;
  readonly spec: S;
  readonly status?: T;
}

/** Names one object. */
export interface ObjectKey<K extends string = string> {
  readonly kind: K;
  /** Empty for a cluster-scoped kind. */
  readonly namespace: string;
  readonly name: string;
}

export function keyOf<K extends string>(object: MeshObject<K>): ObjectKey<K> {
  const { namespace, name } = object.metadata;
  return { kind: object.kind, namespace, name };
}

/** `HTTPRoute default/catalog`, `MeshConfig default`. For messages and as a map key. */
export function formatKey(key: ObjectKey): string {
  return key.namespace === ""
    ? `${key.kind} ${key.name}`
    : `${key.kind} ${key.namespace}/${key.name}`;
}
