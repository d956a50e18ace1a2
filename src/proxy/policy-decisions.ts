/**
 * What authorization policies decide, counted: by policy and rule, and for denials by the condition that failed and by
 * who was denied. Series are made when something is first counted; what is decided often finds its counter at once.
 */
import { METRIC_SERIES_MAX } from "../core/limits.ts";
import type { Judgement } from "../decision/rbac/judgement.ts";
import { NO_MATCH } from "../decision/rbac/policy-index.ts";
import type { RbacEngine } from "../decision/rbac/rbac-engine.ts";
import type { Counter } from "../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../telemetry/metric-registry.ts";

/** Rules that act, or rules whose result is only counted: a dry run. */
export type PolicyMode = "enforced" | "shadow";

const ACTION_NAMES = { allow: "ALLOW", deny: "DENY", log: "AUDIT" } as const;
/** A label is worth no more. */
const CONDITION_LENGTH_MAX = 100;

/** Of the whole process. */
export class PolicyMetrics {
  readonly #decisions: SeriesSource<Counter>;
  readonly #counts = new WeakMap<RbacEngine, Record<PolicyMode, PolicyCounts>>();

  constructor(registry: MetricRegistry) {
    this.#decisions = registry.counter(
      "tulle_policy_decisions_total",
      "Requests and TCP connections that authorization policies judged, by policy, rule, action, result and, for denials, the first condition that did not hold and who was denied. Mode shadow: of a dry run.",
    );
  }

  /** What one set of rules counts with. */
  countsOf(engine: RbacEngine, mode: PolicyMode): PolicyCounts {
    let counts = this.#counts.get(engine);
    if (counts === undefined) {
      counts = {
        enforced: new PolicyCounts(engine, "enforced", this.#decisions),
        shadow: new PolicyCounts(engine, "shadow", this.#decisions),
      };
      this.#counts.set(engine, counts);
    }
    return counts[mode];
  }
}

export class PolicyCounts {
  readonly #engine: RbacEngine;
  readonly #mode: PolicyMode;
  readonly #decisions: SeriesSource<Counter>;
  /** By the place of the policy that matched, the last for no match. */
  readonly #allowed: (Counter | undefined)[];
  readonly #denied = new Map<string, Counter>();

  constructor(engine: RbacEngine, mode: PolicyMode, decisions: SeriesSource<Counter>) {
    this.#engine = engine;
    this.#mode = mode;
    this.#decisions = decisions;
    this.#allowed = Array.from({ length: engine.policies.length + 1 }, () => undefined);
  }

  onAllowed(match: number): void {
    const place = match === NO_MATCH ? this.#allowed.length - 1 : match;
    let counter = this.#allowed[place];
    if (counter === undefined) {
      counter = this.#counter(this.#engine.policies[place], "allowed", "", "");
      this.#allowed[place] = counter;
    }
    counter.value += 1;
  }

  onDenied({ policy, isMatched, condition }: Judgement, principal: string): void {
    const rule = isMatched ? policy : undefined;
    const key = `${rule?.name ?? ""}\n${condition}\n${principal}`;
    let counter = this.#denied.get(key);
    if (counter === undefined) {
      // Peers choose their names within the mesh: what comes after the bound counts together (T30).
      const isKept = this.#denied.size < METRIC_SERIES_MAX;
      const source = isKept ? principal || "unknown" : "other";
      const cut = condition.slice(0, CONDITION_LENGTH_MAX);
      counter = this.#counter(rule, "denied", isKept ? cut : "other", source);
      if (isKept) this.#denied.set(key, counter);
    }
    counter.value += 1;
  }

  #counter(
    policy: { readonly policy: string; readonly rule: string } | undefined,
    result: "allowed" | "denied",
    condition: string,
    source: string,
  ): Counter {
    return this.#decisions.with({
      policy: policy?.policy ?? "none",
      rule: policy?.rule ?? "",
      action: ACTION_NAMES[this.#engine.action],
      mode: this.#mode,
      result,
      condition,
      source_principal: source,
    });
  }
}
