/**
 * Compares what a client has of one type with what it should have, and says what the next response holds.
 * Pure: sends nothing and changes nothing.
 */
import type { TypeTarget } from "./push-target.ts";
import type { EncodedResource } from "./snapshot.ts";
import { type KnownResource, REMOVAL_VERSION, type TypeState } from "./type-state.ts";

export interface PushPlan {
  /** What the response lists: in full-state responses also what did not change. */
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** The part that is new to the client or owed to it. */
  readonly changed: readonly string[];
  /** Names that the client has and loses. */
  readonly removed: readonly string[];
  /** Names that it asked for, never had, and that do not exist. */
  readonly missing: readonly string[];
}

export interface PushRules {
  /** Listing everything is how the client learns of removals: state-of-the-world LDS and CDS. */
  readonly fullState: boolean;
  /**
   * Whether the client may lose resources: at this step, at a later one, or never by our word
   * (state-of-the-world types that have no way to say it, and ECDS, where Envoy suffers from it).
   */
  readonly removals: "now" | "later" | "never";
  /** Whether to tell the client at once that a name does not exist. */
  readonly reportsMissing: boolean;
  /** Monotonic time. */
  readonly nowMs: number;
  /** Whether a changed resource must wait although the client would take it. */
  readonly isHeld: (resource: EncodedResource) => boolean;
}

export interface PlanResult {
  /** Undefined when there is nothing to send. */
  readonly plan: PushPlan | undefined;
  /** Something is kept from the client: held back, refused, or a removal that has to wait. */
  readonly incomplete: boolean;
}

type Verdict = "unchanged" | "send" | "hold" | "remove" | "missing" | "ignore";

export function planPush(state: TypeState, target: TypeTarget, rules: PushRules): PlanResult {
  const resources = new Map<string, EncodedResource>();
  const changed: string[] = [];
  const removed: string[] = [];
  const missing: string[] = [];
  let incomplete = false;
  for (const name of namesOfInterest(state, target)) {
    const known = state.known.get(name);
    const desired = target.lookup(name, known?.version);
    const verdict =
      desired === undefined
        ? judgeAbsent(state, name, known, rules)
        : judgePresent(state, desired, known, rules);
    if (verdict === "send" && desired !== undefined) {
      resources.set(name, desired);
      changed.push(name);
    } else if (verdict === "unchanged") keep(resources, rules, name, desired);
    else if (verdict === "hold") {
      incomplete = true;
      keep(resources, rules, name, known?.resource);
    } else if (verdict === "remove") removed.push(name);
    else if (verdict === "missing") missing.push(name);
  }
  const isNews = changed.length > 0 || removed.length > 0 || missing.length > 0;
  // Only a list without them tells the client that others are gone; one that lacks what is held back would tell too much.
  const mustList = rules.fullState && state.mayHaveOthers && !incomplete;
  if (!isNews && !state.answerDue && !mustList) return { plan: undefined, incomplete };
  return { plan: { resources, changed, removed, missing }, incomplete };
}

function judgeAbsent(
  state: TypeState,
  name: string,
  known: KnownResource | undefined,
  rules: PushRules,
): Verdict {
  if (known === undefined) {
    return state.owed.has(name) && rules.reportsMissing ? "missing" : "ignore";
  }
  if (rules.removals === "never") return "ignore";
  if (rules.removals === "later") return "hold";
  return state.refusals.holds(name, REMOVAL_VERSION, rules.nowMs) ? "hold" : "remove";
}

function judgePresent(
  state: TypeState,
  desired: EncodedResource,
  known: KnownResource | undefined,
  rules: PushRules,
): Verdict {
  const { name, version } = desired;
  const isOwed = state.owed.has(name);
  if (!isOwed && !state.subscription.covers(name)) return "ignore";
  const isCurrent = known?.certain === true && known.version === version;
  if (isCurrent && !isOwed) return "unchanged";
  if (state.refusals.holds(name, version, rules.nowMs)) return "hold";
  // A client that has nothing by this name is better served with a resource that is only partly useful.
  if (known !== undefined && !isCurrent && rules.isHeld(desired)) return "hold";
  return "send";
}

function keep(
  resources: Map<string, EncodedResource>,
  rules: PushRules,
  name: string,
  resource: EncodedResource | undefined,
): void {
  if (rules.fullState && resource !== undefined) resources.set(name, resource);
}

/** What the client asks for, has (also unasked, from before a reconnect) or is owed. */
function* namesOfInterest(state: TypeState, target: TypeTarget): Iterable<string> {
  const { subscription, known, owed } = state;
  const wildcardMap = subscription.wildcard ? target.round : undefined;
  if (wildcardMap !== undefined) yield* wildcardMap.keys();
  const seen = (name: string): boolean => wildcardMap?.has(name) === true;
  for (const name of subscription.names) if (!seen(name)) yield name;
  for (const name of known.keys()) {
    if (!seen(name) && !subscription.names.has(name)) yield name;
  }
  for (const name of owed) {
    if (!seen(name) && !subscription.names.has(name) && !known.has(name)) yield name;
  }
}
