/**
 * Runs the Rollouts: looks at each once a second, asks the state machine what is next, and writes that into the
 * status. The store decides between several writers, and the status alone is what routes are made of; so nothing is
 * lost when this process dies at any point, and another may go on.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { hasCode, messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { RolloutState } from "../../resource/kinds/rollout-status.ts";
import { revisionOf, type Store } from "../../store/store.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { SeriesSource } from "../../telemetry/metric-registry.ts";
import { isSelected } from "../../translate/mesh-index.ts";
import { isServing } from "../instance.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import type { Registry } from "../registry.ts";
import type { RolloutView } from "../rollout-types.ts";
import { manualWorkloads } from "../snapshot-builder.ts";
import { advance, initialState, isOver, NOTHING_OBSERVED } from "./advance.ts";
import { GateHistory } from "./gate-history.ts";
import { type CommandResult, command, type RolloutAction } from "./rollout-command.ts";
import {
  keyOfRollout,
  type Observed,
  type ObservedRollout,
  RolloutObserver,
} from "./rollout-observer.ts";
import { planRollout } from "./rollout-plan.ts";
import { rolloutView } from "./rollout-view.ts";
import { divisions } from "./route-overlay.ts";

/** Finer than any interval or pause that can be asked for. */
const TICK_MS = 1000;
/** Writes of one command that lose against another writer before it is given up. */
const ATTEMPTS_MAX = 5;

export interface RolloutControllerOptions {
  readonly store: Store;
  readonly objects: ObjectCache;
  readonly registry: Pick<Registry, "list">;
  readonly proxies: Pick<ProxyDirectory, "connected">;
  /** By reason of the event. */
  readonly metrics: SeriesSource<Counter>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class RolloutController implements Component {
  readonly name = "rollout controller";
  readonly #options: RolloutControllerOptions;
  readonly #observer: RolloutObserver;
  readonly #history = new GateHistory();
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #ticking: Promise<void> = Promise.resolve();

  constructor(options: RolloutControllerOptions) {
    this.#options = options;
    const { proxies, clock } = options;
    this.#observer = new RolloutObserver({ proxies, clock, signal: this.#stopping.signal });
  }

  start(): Promise<void> {
    this.#arm();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.cancel();
    await this.#ticking;
  }

  /** One look at every Rollout that holds. Never rejects. */
  tick(): Promise<void> {
    this.#ticking = this.#ticking.then(() => this.#tick());
    return this.#ticking;
  }

  /** Undefined when there is no such Rollout. */
  view(namespace: string, name: string): RolloutView | undefined {
    const rollout = this.#options.objects.get("Rollout", namespace, name);
    if (rollout === undefined) return undefined;
    const run = rollout.status?.rollout?.run ?? 0;
    return rolloutView(rollout, this.#history.of(keyOfRollout(rollout), run));
  }

  /** Does what somebody says, whose name the events then have. Rejects with `not-found`, or `conflict` when others write all the time. */
  async command(
    key: { readonly namespace: string; readonly name: string },
    action: RolloutAction,
    by: string,
  ): Promise<CommandResult> {
    const { store, clock } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const rollout = await store.get("Rollout", key.namespace, key.name);
      if (rollout === undefined) {
        return {
          ok: false,
          code: "not-found",
          message: `there is no Rollout ${key.namespace}/${key.name}`,
          hint: "`tulle get rollouts` lists them",
        };
      }
      const plan = planRollout(rollout.spec, key.namespace);
      const nowMs = clock.nowMs();
      const state = rollout.status?.rollout ?? initialState(plan, nowMs);
      const result = command(plan, state, action, nowMs);
      if (!result.ok) return result;
      const next = signed(state, result.state, by);
      try {
        await this.#write(rollout, next);
        return { ok: true, state: next };
      } catch (error) {
        if (!hasCode(error, "conflict") || attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  #arm(): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = this.#options.clock.schedule(TICK_MS, () => {
      void this.tick().then(() => this.#arm());
    });
  }

  async #tick(): Promise<void> {
    const { clock, objects, log } = this.#options;
    if (this.#stopping.signal.aborted) return;
    const current = divisions(objects).map(({ rollout }): ObservedRollout => {
      const plan = planRollout(rollout.spec, rollout.metadata.namespace);
      const state = rollout.status?.rollout ?? initialState(plan, clock.nowMs());
      return { rollout, plan, state };
    });
    this.#history.keepOnly(new Set(objects.list("Rollout").map(keyOfRollout)));
    const observed = await this.#observer.look(current.filter(({ state }) => !isOver(state)));
    for (const one of current) {
      try {
        await this.#advance(one, observed.get(keyOfRollout(one.rollout)) ?? NOTHING_OBSERVED);
      } catch (error) {
        // Somebody changed or deleted it meanwhile: the next look sees that.
        if (hasCode(error, "conflict") || hasCode(error, "not-found")) continue;
        log.error("a rollout stands still", {
          rollout: keyOfRollout(one.rollout),
          error: messageOf(error),
        });
      }
    }
  }

  async #advance({ rollout, plan, state }: ObservedRollout, observed: Observed): Promise<void> {
    const { namespace } = rollout.metadata;
    const observation = {
      stableServing: this.#servingOf(namespace, state.stableService),
      canaryServing: this.#servingOf(namespace, state.canaryService),
      ...observed,
    };
    const nowMs = this.#options.clock.nowMs();
    const { readings } = observed;
    if (readings !== undefined) {
      const { run, currentStepIndex: step } = state;
      this.#history.add({ key: keyOfRollout(rollout), run, step, atMs: nowMs, readings });
    }
    const next = advance(plan, state, observation, nowMs);
    if (next === rollout.status?.rollout) return;
    await this.#write(rollout, next);
  }

  async #write(rollout: Rollout, next: RolloutState): Promise<void> {
    const { store, metrics, log } = this.#options;
    const { namespace, name } = rollout.metadata;
    const before = rollout.status?.rollout?.events ?? [];
    const status = { ...rollout.status, rollout: next };
    await store.updateStatus({ kind: "Rollout", namespace, name }, status, revisionOf(rollout));
    for (const event of next.events.filter((one) => !before.includes(one))) {
      metrics.with({ reason: event.reason }).add(1);
      log.info("rollout", { rollout: keyOfRollout(rollout), ...event });
    }
  }

  #servingOf(namespace: string, name: string): number {
    const { objects, registry } = this.#options;
    const selector = objects.get("Service", namespace, name)?.spec.selector;
    const isOf = (labels: Readonly<Record<string, string>>): boolean =>
      isSelected(labels, selector);
    const registered = registry
      .list()
      .filter(isServing)
      .filter(({ description }) => description.namespace === namespace && isOf(description.labels));
    const written = manualWorkloads(objects).filter(
      ({ metadata }) => metadata.namespace === namespace && isOf(metadata.labels),
    );
    return registered.length + written.length;
  }
}

/** The state with a name on what is new in it. */
function signed(before: RolloutState, state: RolloutState, by: string): RolloutState {
  const events = state.events.map((event) =>
    before.events.includes(event) ? event : { ...event, by },
  );
  return { ...state, events };
}
