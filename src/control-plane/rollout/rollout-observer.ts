/**
 * What is observed of the Rollouts that are under way: the requests to each version since the last look, and what
 * Prometheus answers. It remembers what it read; a control plane that is started again begins to count anew.
 */
import type { Clock } from "../../core/clock.ts";
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import { NOTHING_OBSERVED, type Observation } from "./advance.ts";
import { type GateReading, type QueryAnswer, readGate } from "./gate-reading.ts";
import { queryPrometheus } from "./prometheus-query.ts";
import type { Gate, RolloutPlan } from "./rollout-plan.ts";
import { scrapeSidecars } from "./sidecar-scraper.ts";
import { TrafficMeter } from "./traffic-meter.ts";
import { addTraffic, NO_TRAFFIC, type VersionTraffic } from "./version-traffic.ts";

export interface RolloutObserverOptions {
  readonly proxies: Pick<ProxyDirectory, "connected">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A Rollout that is under way, as it stands. */
export interface ObservedRollout {
  readonly rollout: Rollout;
  readonly plan: RolloutPlan;
  readonly state: RolloutState;
}

export type Observed = Pick<Observation, "traffic" | "readings">;

/** What is kept of one Rollout between looks. */
interface Window {
  /** The step that it is about. */
  readonly step: string;
  readonly lookedMs: number;
  /** Of the canary, since the last look that had enough. */
  readonly canary: VersionTraffic;
}

export class RolloutObserver {
  readonly #options: RolloutObserverOptions;
  readonly #meter = new TrafficMeter();
  readonly #windows = new Map<string, Window>();

  constructor(options: RolloutObserverOptions) {
    this.#options = options;
  }

  /** Looks when it is time for one of them, and gives what is new by key (`namespace/name`). Never rejects. */
  async look(active: readonly ObservedRollout[]): Promise<ReadonlyMap<string, Observed>> {
    this.#forgetOthers(active);
    const { proxies, clock, signal } = this.#options;
    const nowMs = clock.nowMs();
    const observed = new Map<string, Observed>();
    if (!active.some((one) => this.#isDue(one, nowMs))) return observed;
    // All that are under way are read together: counts belong to a moment, not to a Rollout.
    const services = new Set(active.flatMap(versionKeys));
    const { readings, known } = await scrapeSidecars(proxies, services, signal);
    const traffic = this.#meter.take(readings, known);
    for (const one of active) {
      const [stableKey = "", canaryKey = ""] = versionKeys(one);
      const stable = traffic.get(stableKey) ?? NO_TRAFFIC;
      const canary = traffic.get(canaryKey) ?? NO_TRAFFIC;
      observed.set(keyOfRollout(one.rollout), await this.#observe(one, { stable, canary }, nowMs));
    }
    return observed;
  }

  async #observe(
    one: ObservedRollout,
    traffic: { readonly stable: VersionTraffic; readonly canary: VersionTraffic },
    nowMs: number,
  ): Promise<Observed> {
    const key = keyOfRollout(one.rollout);
    const before = this.#windows.get(key);
    const step = stepKey(one);
    if (before?.step !== step) {
      // A step's first look is where its counting begins: what came until now may be the last step's.
      this.#windows.set(key, { step, lookedMs: nowMs, canary: NO_TRAFFIC });
      return NOTHING_OBSERVED;
    }
    const isDue = this.#isDue(one, nowMs);
    const canary = addTraffic(before.canary, traffic.canary);
    const readings = isDue ? await this.#readGates(one, canary) : undefined;
    const isUsedUp = isDue && canary.requests >= one.plan.minRequests;
    const lookedMs = isDue ? nowMs : before.lookedMs;
    this.#windows.set(key, { step, lookedMs, canary: isUsedUp ? NO_TRAFFIC : canary });
    const hasTraffic = traffic.stable.requests + traffic.canary.requests > 0;
    return { traffic: hasTraffic ? traffic : undefined, readings };
  }

  #isDue(one: ObservedRollout, nowMs: number): boolean {
    const window = this.#windows.get(keyOfRollout(one.rollout));
    return window?.step !== stepKey(one) || nowMs - window.lookedMs >= one.plan.intervalMs;
  }

  #forgetOthers(active: readonly ObservedRollout[]): void {
    const keys = new Set(active.map(({ rollout }) => keyOfRollout(rollout)));
    for (const key of this.#windows.keys()) if (!keys.has(key)) this.#windows.delete(key);
  }

  async #readGates(
    { plan, state }: ObservedRollout,
    canary: VersionTraffic,
  ): Promise<ReadonlyMap<string, GateReading> | undefined> {
    const gates = plan.steps[state.currentStepIndex]?.gates ?? [];
    if (state.phase === "Pending" || gates.length === 0) return undefined;
    const answers = new Map<Gate, QueryAnswer>();
    await Promise.all(
      gates.map(async (gate) => {
        const { measure } = gate;
        if (measure.kind !== "prometheus") return;
        const { address, query } = measure;
        answers.set(gate, await queryPrometheus(address, query, this.#options.signal));
      }),
    );
    const read = (gate: Gate) =>
      [gate.name, readGate(gate, canary, plan.minRequests, (one) => answers.get(one))] as const;
    return new Map(gates.map(read));
  }
}

export function keyOfRollout({ metadata }: Rollout): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function stepKey({ state }: ObservedRollout): string {
  return `${state.run} ${state.phase === "Pending" ? "" : state.currentStepIndex}`;
}

/** The stable version, then the canary. */
function versionKeys({ rollout, state }: ObservedRollout): readonly string[] {
  const { namespace } = rollout.metadata;
  return [`${namespace}/${state.stableService}`, `${namespace}/${state.canaryService}`];
}
