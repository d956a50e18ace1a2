/** All objects of the store in memory, kept up to date by a watch: what every snapshot and view reads. */
import type { AnyObject, KindName, ObjectOf } from "../resource/kind-map.ts";
import { formatKey, keyOf } from "../resource/object.ts";
import type { WatchEvent } from "../store/store.ts";

/** What a change of an object means to the mesh. */
export type ChangeRelevance =
  /** Only `status` changed: no proxy cares. */
  | "status"
  /** The object came, went, or means something else now. */
  | "config";

export class ObjectCache {
  readonly #byKind = new Map<KindName, Map<string, AnyObject>>();

  /** Starts again from a list. */
  replaceAll(objects: readonly AnyObject[]): void {
    this.#byKind.clear();
    for (const object of objects) this.#put(object);
  }

  apply(event: WatchEvent): ChangeRelevance {
    const { object } = event;
    if (event.type === "delete") {
      this.#byKind.get(object.kind)?.delete(formatKey(keyOf(object)));
      return "config";
    }
    const before = this.#put(object);
    return before !== undefined && isSameButStatus(before, object) ? "status" : "config";
  }

  get<K extends KindName>(kind: K, namespace: string, name: string): ObjectOf<K> | undefined {
    const key = formatKey({ kind, namespace, name });
    return this.#byKind.get(kind)?.get(key) as ObjectOf<K> | undefined;
  }

  /** Every object of a kind, in no particular order. */
  list<K extends KindName>(kind: K): readonly ObjectOf<K>[] {
    return [...(this.#byKind.get(kind)?.values() ?? [])] as unknown as readonly ObjectOf<K>[];
  }

  /** Objects of all kinds, in no particular order. */
  all(): readonly AnyObject[] {
    return [...this.#byKind.values()].flatMap((objects) => [...objects.values()]);
  }

  /** The mesh as it would be with `objects` in it. */
  with(objects: readonly AnyObject[]): ObjectCache {
    const copy = new ObjectCache();
    copy.replaceAll([...this.all(), ...objects]);
    return copy;
  }

  #put(object: AnyObject): AnyObject | undefined {
    let objects = this.#byKind.get(object.kind);
    if (objects === undefined) {
      objects = new Map();
      this.#byKind.set(object.kind, objects);
    }
    const key = formatKey(keyOf(object));
    const before = objects.get(key);
    objects.set(key, object);
    return before;
  }
}

/** A Rollout's status is the one that traffic follows. */
function isSameDivision(a: AnyObject, b: AnyObject): boolean {
  if (a.kind !== "Rollout" || b.kind !== "Rollout") return true;
  const [before, after] = [a.status?.rollout, b.status?.rollout];
  return (
    before?.weights.canary === after?.weights.canary &&
    before?.isPreviewed === after?.isPreviewed &&
    before?.stableService === after?.stableService &&
    before?.canaryService === after?.canaryService
  );
}

/** The generation rises with each change of spec (object.ts); labels and annotations have no counter. */
function isSameButStatus(a: AnyObject, b: AnyObject): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    a.metadata.generation === b.metadata.generation &&
    isSameDivision(a, b) &&
    JSON.stringify(a.metadata.labels) === JSON.stringify(b.metadata.labels) &&
    JSON.stringify(a.metadata.annotations) === JSON.stringify(b.metadata.annotations)
  );
}
