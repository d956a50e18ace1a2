/**
 * What happens in the mesh, for people, as events of the telemetry store: changes of configuration and security from the
 * audit log; instances, proxies, ejections and rollouts by looking at them every second. A restart forgets nothing: it
 * begins with what is.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { shortTypeName } from "../../xds/type-urls.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import { type Instance, isServing } from "../instance.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import type { Registry } from "../registry.ts";
import { auditEvent, eventMessage, type ToldEvent } from "./audit-events.ts";
import { type EjectedBefore, ejectionChanges } from "./ejection-events.ts";
import type { TelemetryStore } from "./store/telemetry-store.ts";

const LOOK_MS = 1_000;
/** Ejections come with figures, every five seconds. */
const EJECTIONS_EVERY = 5;
/** Events of one look; a mesh that comes up whole says so in one. */
const EVENTS_PER_LOOK_MAX = 200;
const FIGURES_MS = 30_000;

export interface MeshEventsOptions {
  readonly store: Pick<TelemetryStore, "addEvents" | "ask">;
  readonly audit: Pick<AuditLog, "onRecord">;
  readonly registry: Pick<Registry, "list">;
  readonly proxies: Pick<ProxyDirectory, "list" | "recordOf">;
  readonly objects: Pick<ObjectCache, "list">;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class MeshEvents implements Component {
  readonly name = "mesh events";
  readonly #options: MeshEventsOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  #looks = 0;
  #instances: ReadonlyMap<string, string> | undefined;
  #proxies: ReadonlyMap<string, string> | undefined;
  #rollouts: ReadonlyMap<string, string> | undefined;
  #ejected: EjectedBefore = new Map();

  constructor(options: MeshEventsOptions) {
    this.#options = options;
    options.audit.onRecord((record) => {
      const told = auditEvent(record);
      if (told !== undefined) this.#tell([told]);
    });
  }

  start(): Promise<void> {
    const { version } = this.#options;
    this.#tell([
      {
        severity: "info",
        type: "control-plane",
        subject: "control plane",
        message: `started, version ${version}`,
      },
    ]);
    this.#look();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #tell(events: readonly ToldEvent[]): void {
    if (events.length === 0) return;
    const time = new Date(this.#options.clock.nowMs()).toISOString();
    const shown = events.slice(0, EVENTS_PER_LOOK_MAX);
    this.#options.store.addEvents(
      shown.map((event) => ({
        ...{ time, revision: null, actor: null, ...event },
        message: eventMessage(event.message),
      })),
    );
  }

  #look(): void {
    if (this.#isStopped) return;
    try {
      this.#tell([...this.#instanceEvents(), ...this.#proxyEvents(), ...this.#rolloutEvents()]);
    } catch (error) {
      this.#options.log.error("events of the mesh are not told", { error: messageOf(error) });
    }
    this.#looks += 1;
    if (this.#looks % EJECTIONS_EVERY === 0) void this.#lookForEjections();
    this.#timer = this.#options.clock.schedule(LOOK_MS, () => this.#look());
  }

  #instanceEvents(): readonly ToldEvent[] {
    const now = new Map(
      this.#options.registry
        .list()
        .map((one) => [`${one.description.namespace}/${one.description.name}`, stateOf(one)]),
    );
    const before = this.#instances;
    this.#instances = now;
    return differences(before, now, (subject, from, to) => ({
      severity: to === "healthy" || to === "starting" ? "info" : "warning",
      type: "instance",
      subject,
      message: instanceMessage(from, to),
    }));
  }

  #proxyEvents(): readonly ToldEvent[] {
    const { proxies } = this.#options;
    const now = new Map(
      proxies.list().map((entry): readonly [string, string] => {
        if (entry.streamId === undefined) return [entry.key, "disconnected"];
        const types = [...(proxies.recordOf(entry)?.types ?? [])];
        const refused = types.find(([, type]) => type.refused !== undefined);
        if (refused === undefined) return [entry.key, "connected"];
        const [typeUrl, { refused: refusal }] = refused;
        return [entry.key, `refuses ${shortTypeName(typeUrl)}: ${refusal?.message ?? ""}`];
      }),
    );
    const before = this.#proxies;
    this.#proxies = now;
    return differences(before, now, (subject, from, to) => {
      const isRefusal = to?.startsWith("refuses") === true;
      const isBack = from?.startsWith("refuses") === true && to === "connected";
      return {
        severity: isRefusal ? "error" : to === "connected" ? "info" : "warning",
        type: "proxy",
        subject,
        message: isBack ? "accepts its configuration again" : (to ?? "forgotten"),
      };
    });
  }

  #rolloutEvents(): readonly ToldEvent[] {
    const rollouts = this.#options.objects.list("Rollout");
    const before = this.#rollouts;
    const last = new Map<string, string>();
    const told: ToldEvent[] = [];
    for (const { metadata, status } of rollouts) {
      const subject = `${metadata.namespace}/${metadata.name}`;
      const events = status?.rollout?.events ?? [];
      const seen = before?.get(subject) ?? "";
      const ids = events.map(({ at, reason, message }) => `${at} ${reason} ${message}`);
      last.set(subject, ids.at(-1) ?? "");
      if (before === undefined) continue;
      for (const { at, reason, message, by } of events.slice(ids.lastIndexOf(seen) + 1)) {
        told.push({
          time: at,
          severity: ROLLOUT_TROUBLE.has(reason) ? "warning" : "info",
          type: "rollout",
          ...{ subject, message, actor: by ?? null },
        });
      }
    }
    this.#rollouts = last;
    return told;
  }

  async #lookForEjections(): Promise<void> {
    const { store, clock, registry } = this.#options;
    try {
      const figures = await store.ask("instances", { sinceMs: clock.nowMs() - FIGURES_MS });
      const { now, events } = ejectionChanges(this.#ejected, figures, registry.list());
      this.#ejected = now;
      this.#tell(events);
    } catch {
      // The store says itself that it does not answer.
    }
  }
}

const ROLLOUT_TROUBLE: ReadonlySet<string> = new Set([
  "GateFailed",
  "CanaryUnavailable",
  "ProgressDeadlineExceeded",
  "Aborted",
  "StableNotLive",
]);

function stateOf(instance: Instance): string {
  if (instance.isInMaintenance) return "out of service";
  return isServing(instance) && instance.state !== "unconfirmed" ? "healthy" : instance.state;
}

function instanceMessage(from: string | undefined, to: string | undefined): string {
  if (to === undefined) return `gone (it was ${from ?? "unknown"})`;
  if (from === undefined) return `registered, ${to}`;
  return `${to}, after ${from}`;
}

/** Nothing before the first look. */
function differences(
  before: ReadonlyMap<string, string> | undefined,
  now: ReadonlyMap<string, string>,
  tell: (subject: string, from: string | undefined, to: string | undefined) => ToldEvent,
): readonly ToldEvent[] {
  if (before === undefined) return [];
  const subjects = new Set([...now.keys(), ...before.keys()]);
  return [...subjects].flatMap((subject) => {
    const [from, to] = [before.get(subject), now.get(subject)];
    return from === to ? [] : [tell(subject, from, to)];
  });
}
