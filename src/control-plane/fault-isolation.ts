/**
 * What a push does when translation throws, which is a defect of ours: finds the objects that make it throw,
 * keeps the last good version of each (or does without it) and goes on with all others. Never the whole mesh
 * stands still because of one object, whatever its kind: every list of a snapshot is searched.
 */
import { messageOf } from "../core/errors.ts";
import { formatKey, keyOf, type ObjectKey } from "../resource/object.ts";
import type { MeshSnapshot } from "../translate/mesh-snapshot.ts";
import {
  closedAuthorization,
  closedLogin,
  closedMeshConfigs,
  closedPeers,
  closedRoute,
  closedTokens,
  isStandIn,
} from "./closed-stand-ins.ts";

/** An object that translation cannot digest. */
export interface TranslationFault {
  readonly object: ObjectKey;
  readonly message: string;
  /**
   * What is in force in its place: its last good version; for what decides about access and never was good, something
   * that lets in nothing that it might have kept out; or nothing.
   */
  readonly inForce: "last-good" | "closed" | "nothing";
}

/** For people, behind what is wrong. */
export const FAULT_CONSEQUENCE: Readonly<Record<TranslationFault["inForce"], string>> = {
  "last-good": "its last good version is in force",
  closed: "until then nothing gets in that it might have kept out",
  nothing: "it has no effect",
};

export interface IsolatedResult<T> {
  readonly value: T;
  /** What was translated in the end: the last good snapshot of the next push. */
  readonly snapshot: MeshSnapshot;
  readonly faults: readonly TranslationFault[];
}

/** Members of a snapshot that hold one value each, and whose authors those values are. */
const SINGLES = {
  meshConfig: "MeshConfig",
  identityPolicy: "Revocation",
  spiffeTrust: "TrustDomainFederation",
  keySets: "RequestAuthentication",
} as const satisfies Partial<Record<keyof MeshSnapshot, string>>;
/** What others refer to stands before what refers: the blame is with whichever comes last. */
const FIRST = ["services", "externalServices", "routeFilters", "instances"] as const;

type SingleName = keyof typeof SINGLES;
type ListName = {
  [K in keyof MeshSnapshot]-?: NonNullable<MeshSnapshot[K]> extends readonly unknown[] ? K : never;
}[keyof MeshSnapshot];
type ItemOf<L extends ListName> = NonNullable<MeshSnapshot[L]>[number];
type Part =
  | { [L in ListName]: { readonly member: L; readonly value: ItemOf<L> } }[ListName]
  | { [S in SingleName]: { readonly member: S; readonly value: MeshSnapshot[S] } }[SingleName];

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
  const isAddable = (part: Part | undefined): part is Part => {
    if (part === undefined || errorOf([...good, part]) !== undefined) return false;
    good.push(part);
    return true;
  };
  const faults = faulty.map(({ part, error }): TranslationFault => {
    const object = keyOfPart(part);
    const before = earlier.get(formatKey(object));
    const isGood = before !== undefined && !isClosed(before);
    let inForce: TranslationFault["inForce"] = "nothing";
    if (isGood && isAddable(before)) inForce = "last-good";
    // Where it holds may have changed since it was closed.
    else if (closedInstead(part).some(isAddable) || isAddable(before)) inForce = "closed";
    return { object, message: messageOf(error), inForce };
  });
  const usable = assemble(snapshot, good);
  return { value: translate(usable), snapshot: usable, faults };
}

function isListName(name: string, snapshot: MeshSnapshot): name is ListName {
  return Array.isArray(snapshot[name as keyof MeshSnapshot]);
}

/** Of every list that the snapshot has: a new kind needs no line here. */
function partsOf(snapshot: MeshSnapshot): readonly Part[] {
  const singles = (Object.keys(SINGLES) as SingleName[])
    .filter((member) => snapshot[member] !== undefined)
    .map((member) => ({ member, value: snapshot[member] }) as Part);
  const rest = Object.keys(snapshot).filter((name) => !FIRST.some((first) => first === name));
  const lists = [...FIRST, ...rest].filter((name) => isListName(name, snapshot));
  return [
    ...singles,
    ...lists.flatMap((member) =>
      (snapshot[member] ?? []).map((value) => ({ member, value }) as Part),
    ),
  ];
}

/** `base` with these parts and no others. */
function assemble(base: MeshSnapshot, parts: readonly Part[]): MeshSnapshot {
  const members: Record<string, unknown> = { ...base };
  const lists = new Map<string, unknown[]>();
  for (const name of Object.keys(base)) {
    if (!isListName(name, base)) continue;
    const list: unknown[] = [];
    lists.set(name, list);
    members[name] = list;
  }
  for (const name of Object.keys(SINGLES)) delete members[name];
  for (const { member, value } of parts) {
    const list = lists.get(member);
    if (list === undefined) members[member] = value;
    else list.push(value);
  }
  return members as unknown as MeshSnapshot;
}

function keyOfPart(part: Part): ObjectKey {
  switch (part.member) {
    case "services":
    case "externalServices":
      return keyOf(part.value.resource);
    case "instances":
      return { kind: "Workload", namespace: part.value.namespace, name: part.value.name };
    case "meshConfig":
      return { kind: SINGLES.meshConfig, namespace: "", name: part.value?.metadata.name ?? "" };
    case "identityPolicy":
    case "spiffeTrust":
    case "keySets":
      return { kind: SINGLES[part.member], namespace: "", name: "(all)" };
    default:
      return keyOf(part.value);
  }
}

function isClosed(part: Part): boolean {
  const { value } = part;
  return value !== undefined && "metadata" in value && isStandIn(value);
}

/**
 * Without what decides about access more would be let in than its author meant: until it can be translated, less is.
 * The first that can be translated counts. None for what only directs traffic.
 */
function closedInstead(part: Part): readonly Part[] {
  switch (part.member) {
    case "authorizationPolicies":
      return closedAuthorization(part.value).map((value) => ({ member: part.member, value }));
    case "securityPolicies":
      return closedLogin(part.value).map((value) => ({ member: part.member, value }));
    case "httpRoutes":
      return closedRoute(part.value).map((value) => ({ member: part.member, value }));
    case "peerAuthentications":
      return closedPeers(part.value).map((value) => ({ member: part.member, value }));
    case "requestAuthentications":
      return closedTokens(part.value).map((value) => ({ member: part.member, value }));
    case "meshConfig":
      return closedMeshConfigs(part.value).map((value) => ({ member: part.member, value }));
    default:
      return [];
  }
}
