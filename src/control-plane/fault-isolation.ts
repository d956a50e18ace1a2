/**
 * What a push does when translation throws, which is a defect of ours: finds the objects that make it throw,
 * keeps the last good version of each (or does without it) and goes on with all others. Never the whole mesh
 * stands still because of one object.
 */
import { messageOf } from "../core/errors.ts";
import { formatKey, keyOf, type ObjectKey } from "../resource/object.ts";
import type { MeshSnapshot } from "../translate/mesh-snapshot.ts";

/** An object that translation cannot digest. */
export interface TranslationFault {
  readonly object: ObjectKey;
  readonly message: string;
  /** Whether an earlier version of the object is in force in its place. */
  readonly isLastGoodKept: boolean;
}

export interface IsolatedResult<T> {
  readonly value: T;
  /** What was translated in the end: the last good snapshot of the next push. */
  readonly snapshot: MeshSnapshot;
  readonly faults: readonly TranslationFault[];
}

type Part =
  | { readonly list: "services"; readonly value: MeshSnapshot["services"][number] }
  | { readonly list: "externalServices"; readonly value: MeshSnapshot["externalServices"][number] }
  | { readonly list: "routeFilters"; readonly value: MeshSnapshot["routeFilters"][number] }
  | { readonly list: "httpRoutes"; readonly value: MeshSnapshot["httpRoutes"][number] }
  | { readonly list: "tlsRoutes"; readonly value: MeshSnapshot["tlsRoutes"][number] }
  | { readonly list: "tcpRoutes"; readonly value: MeshSnapshot["tcpRoutes"][number] }
  | { readonly list: "grpcRoutes"; readonly value: MeshSnapshot["grpcRoutes"][number] }
  | {
      readonly list: "rateLimitPolicies";
      readonly value: MeshSnapshot["rateLimitPolicies"][number];
    }
  | { readonly list: "trafficPolicies"; readonly value: MeshSnapshot["trafficPolicies"][number] }
  | { readonly list: "cachePolicies"; readonly value: MeshSnapshot["cachePolicies"][number] }
  | { readonly list: "faultPolicies"; readonly value: MeshSnapshot["faultPolicies"][number] }
  | { readonly list: "instances"; readonly value: MeshSnapshot["instances"][number] }
  | { readonly list: "meshConfig"; readonly value: NonNullable<MeshSnapshot["meshConfig"]> };

/** Translates `snapshot`. Rethrows only when even the empty mesh cannot be translated. */
export function translateIsolated<T>(
  snapshot: MeshSnapshot,
  lastGood: MeshSnapshot | undefined,
  translate: (snapshot: MeshSnapshot) => T,
): IsolatedResult<T> {
  try {
    return { value: translate(snapshot), snapshot, faults: [] };
  } catch {
    return isolate(snapshot, lastGood, translate);
  }
}

function isolate<T>(
  snapshot: MeshSnapshot,
  lastGood: MeshSnapshot | undefined,
  translate: (snapshot: MeshSnapshot) => T,
): IsolatedResult<T> {
  const errorOf = (parts: readonly Part[]): unknown => {
    try {
      translate(assemble(snapshot, parts));
      return undefined;
    } catch (error) {
      return error ?? new Error("translation threw nothing");
    }
  };
  const good: Part[] = [];
  const faulty: { readonly part: Part; readonly error: unknown }[] = [];
  /** Adds what can be added, halving what cannot: few faults among many objects cost few translations. */
  const add = (parts: readonly Part[]): void => {
    const error = errorOf([...good, ...parts]);
    const [first] = parts;
    if (error === undefined) good.push(...parts);
    else if (parts.length === 1 && first !== undefined) faulty.push({ part: first, error });
    else if (parts.length > 1) {
      const middle = parts.length >> 1;
      add(parts.slice(0, middle));
      add(parts.slice(middle));
    }
  };
  add(partsOf(snapshot));
  const earlier = new Map(
    (lastGood === undefined ? [] : partsOf(lastGood)).map((part) => [
      formatKey(keyOfPart(part)),
      part,
    ]),
  );
  const faults = faulty.map(({ part, error }): TranslationFault => {
    const object = keyOfPart(part);
    const before = earlier.get(formatKey(object));
    const isLastGoodKept = before !== undefined && errorOf([...good, before]) === undefined;
    if (isLastGoodKept) good.push(before);
    return { object, message: messageOf(error), isLastGoodKept };
  });
  const usable = assemble(snapshot, good);
  return { value: translate(usable), snapshot: usable, faults };
}

function partsOf(snapshot: MeshSnapshot): readonly Part[] {
  const { meshConfig } = snapshot;
  return [
    ...(meshConfig === undefined ? [] : [{ list: "meshConfig", value: meshConfig } as const]),
    ...snapshot.services.map((value) => ({ list: "services", value }) as const),
    ...snapshot.externalServices.map((value) => ({ list: "externalServices", value }) as const),
    ...snapshot.routeFilters.map((value) => ({ list: "routeFilters", value }) as const),
    ...snapshot.instances.map((value) => ({ list: "instances", value }) as const),
    ...snapshot.rateLimitPolicies.map((value) => ({ list: "rateLimitPolicies", value }) as const),
    ...snapshot.trafficPolicies.map((value) => ({ list: "trafficPolicies", value }) as const),
    ...snapshot.cachePolicies.map((value) => ({ list: "cachePolicies", value }) as const),
    ...snapshot.faultPolicies.map((value) => ({ list: "faultPolicies", value }) as const),
    ...snapshot.httpRoutes.map((value) => ({ list: "httpRoutes", value }) as const),
    ...snapshot.tlsRoutes.map((value) => ({ list: "tlsRoutes", value }) as const),
    ...snapshot.tcpRoutes.map((value) => ({ list: "tcpRoutes", value }) as const),
    ...snapshot.grpcRoutes.map((value) => ({ list: "grpcRoutes", value }) as const),
  ];
}

function assemble(base: MeshSnapshot, parts: readonly Part[]): MeshSnapshot {
  const of = <L extends Part["list"]>(list: L) =>
    parts.flatMap((part) =>
      part.list === list ? [part.value as (Part & { list: L })["value"]] : [],
    );
  return {
    ...base,
    meshConfig: of("meshConfig")[0],
    services: of("services"),
    externalServices: of("externalServices"),
    routeFilters: of("routeFilters"),
    instances: of("instances"),
    rateLimitPolicies: of("rateLimitPolicies"),
    trafficPolicies: of("trafficPolicies"),
    cachePolicies: of("cachePolicies"),
    faultPolicies: of("faultPolicies"),
    httpRoutes: of("httpRoutes"),
    tlsRoutes: of("tlsRoutes"),
    tcpRoutes: of("tcpRoutes"),
    grpcRoutes: of("grpcRoutes"),
  };
}

function keyOfPart(part: Part): ObjectKey {
  switch (part.list) {
    case "services":
    case "externalServices":
      return keyOf(part.value.resource);
    case "instances":
      return { kind: "Workload", namespace: part.value.namespace, name: part.value.name };
    default:
      return keyOf(part.value);
  }
}
