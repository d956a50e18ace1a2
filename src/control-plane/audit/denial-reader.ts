/**
 * Tells the audit log what sidecars denied, by policy and in handshakes: reads their counters every now and then, as rollouts do, and writes what was
 * added, summed up by caller, service and policy. What was told is kept on disk, so that a restart tells nothing twice.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";
import type { AuditEvent } from "../../telemetry/audit/audit-record.ts";
import type { ProxyDirectory, ProxyEntry } from "../proxy-directory.ts";
import { fetchText } from "../rollout/bounded-fetch.ts";
import { isReadable } from "../rollout/sidecar-scraper.ts";
import type { AuditTrail } from "./audit-trail.ts";
import { type DeniedSeries, readDenials } from "./denial-series.ts";

/** How often it looks whether it is time: the interval may have changed. */
const TICK_MS = 1000;
/** Sidecars read at one time. */
const CONCURRENCY = 8;
const TIMEOUT_MS = 2000;
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
/** Records of one look; what is more is one record that says how many. */
const RECORDS_MAX = 256;
/** Proxies that are named in a record. */
const PROXIES_TOLD_MAX = 8;

export interface DenialReaderOptions {
  readonly proxies: Pick<ProxyDirectory, "connected" | "find">;
  readonly audit: AuditTrail;
  /** Where counts are kept over a restart. */
  readonly path: string;
  readonly getIntervalMs: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Counts that were told, by proxy, then by series. */
type Told = Map<string, Map<string, number>>;

interface Summary extends Omit<DeniedSeries, "count"> {
  readonly service: string;
  denied: number;
  readonly proxies: Set<string>;
}

export class DenialReader implements Component {
  readonly name = "denial reader";
  readonly #options: DenialReaderOptions;
  readonly #stopping = new AbortController();
  readonly #told: Told;
  #timer: Timer | undefined;
  #lastLookMs: number;
  #looking: Promise<void> | undefined;

  constructor(options: DenialReaderOptions) {
    this.#options = options;
    this.#told = readTold(options.path);
    this.#lastLookMs = options.clock.nowMs();
  }

  start(): Promise<void> {
    this.#schedule();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    await this.#looking;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.schedule(TICK_MS, () => {
      this.#looking = this.#lookInTime().finally(() => {
        if (!this.#stopping.signal.aborted) this.#schedule();
      });
    });
  }

  async #lookInTime(): Promise<void> {
    const { clock, getIntervalMs, log } = this.#options;
    const nowMs = clock.nowMs();
    // A wall clock that was set back must not keep it from looking.
    const sinceMs = Math.abs(nowMs - this.#lastLookMs);
    if (sinceMs < getIntervalMs()) return;
    try {
      await this.look();
    } catch (error) {
      log.warn("denials cannot be told", { error: messageOf(error) });
    }
  }

  /** Reads every connected sidecar once, and records what was added. */
  async look(): Promise<void> {
    const { proxies, audit, clock } = this.#options;
    const connected = proxies.connected().filter(isReadable);
    const left = [...connected];
    const summaries = new Map<string, Summary>();
    const work = async (): Promise<void> => {
      for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
        const series = await this.#read(entry);
        if (series !== undefined) this.#add(entry, series, summaries);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    const nowMs = clock.nowMs();
    const seconds = Math.max(1, Math.round((nowMs - this.#lastLookMs) / 1000));
    this.#lastLookMs = nowMs;
    for (const key of this.#told.keys())
      if (proxies.find(key) === undefined) this.#told.delete(key);
    if (summaries.size === 0 || this.#stopping.signal.aborted) return;
    for (const event of eventsOf([...summaries.values()], seconds)) audit.record(event);
    replaceFile(this.#options.path, JSON.stringify(storedForm(this.#told)), 0o600);
  }

  async #read(entry: ProxyEntry): Promise<ReadonlyMap<string, DeniedSeries> | undefined> {
    const url = new URL(`http://${entry.node.adminAddress}/metrics`);
    const { signal } = this.#stopping;
    try {
      return readDenials(
        await fetchText(url, { timeoutMs: TIMEOUT_MS, sizeBytesMax: ANSWER_BYTES_MAX, signal }),
      );
    } catch {
      // It is on another machine, or busy: its counters are read the next time.
      return undefined;
    }
  }

  #add(
    { key, node }: ProxyEntry,
    series: ReadonlyMap<string, DeniedSeries>,
    summaries: Map<string, Summary>,
  ): void {
    const told = this.#told.get(key) ?? new Map<string, number>();
    this.#told.set(key, told);
    for (const [labels, { count, ...denied }] of series) {
      const before = told.get(labels) ?? 0;
      // A counter that went back belongs to a sidecar that began anew.
      const added = count >= before ? count - before : count;
      told.set(labels, count);
      if (added === 0) continue;
      const service = `${node.scope.namespace}/${node.service}`;
      const id = [service, ...Object.values(denied)].join("\n");
      const summary = summaries.get(id) ?? { ...denied, service, denied: 0, proxies: new Set() };
      summary.denied += added;
      summary.proxies.add(node.scope.nodeId);
      summaries.set(id, summary);
    }
    for (const labels of told.keys()) if (!series.has(labels)) told.delete(labels);
  }
}

function eventsOf(summaries: readonly Summary[], seconds: number): readonly AuditEvent[] {
  const sorted = summaries.toSorted((a, b) => b.denied - a.denied);
  const rest = sorted.slice(RECORDS_MAX);
  const events = sorted.slice(0, RECORDS_MAX).map((summary) => eventOf(summary, seconds));
  if (rest.length === 0) return events;
  const denied = rest.reduce((sum, one) => sum + one.denied, 0);
  const message = `${denied} more denials of ${rest.length} callers and policies`;
  const details = { denied, windowSeconds: seconds };
  return [
    ...events,
    { kind: "policy-denied", action: "denied", outcome: "refused", message, details },
  ];
}

function eventOf(summary: Summary, windowSeconds: number): AuditEvent {
  return summary.by === "certificate"
    ? refusedEvent(summary, windowSeconds)
    : deniedEvent(summary, windowSeconds);
}

/** Sidecars do not count by address: an address is whatever a stranger likes. */
function refusedEvent(
  { service, condition: code, denied, proxies }: Summary,
  windowSeconds: number,
): AuditEvent {
  const told = [...proxies].sort().slice(0, PROXIES_TOLD_MAX);
  return {
    kind: "authentication-failed",
    action: "TLS handshake with a sidecar",
    actor: { name: "unknown", method: "certificate" },
    outcome: "refused",
    message: `${service} refused ${denied === 1 ? "a client certificate" : `${denied} client certificates`}: ${code}`,
    details: { service, code, refused: denied, windowSeconds, proxies: told },
  };
}

function deniedEvent(summary: Summary, windowSeconds: number): AuditEvent {
  const { service, policy, rule, condition, principal, denied, proxies } = summary;
  const [namespace = "", name = ""] = policy.split("/");
  return {
    kind: "policy-denied",
    action: "denied",
    actor: { name: principal, method: "certificate" },
    ...(name === "" ? {} : { object: { kind: "AuthorizationPolicy", namespace, name } }),
    outcome: "refused",
    message: `${service} denied ${principal} ${denied === 1 ? "once" : `${denied} times`} (${policy === "none" ? "no policy allows it" : policy})`,
    details: {
      service,
      policy,
      rule,
      condition,
      denied,
      windowSeconds,
      proxies: [...proxies].sort().slice(0, PROXIES_TOLD_MAX),
    },
  };
}

/** What cannot be read is told once more: better twice than never. */
function readTold(path: string): Told {
  try {
    const stored = JSON.parse(readOptionalFile(path) ?? "{}") as Record<
      string,
      Record<string, number>
    >;
    return new Map(
      Object.entries(stored).map(([key, series]) => [key, new Map(Object.entries(series))]),
    );
  } catch {
    return new Map();
  }
}

function storedForm(told: Told): Record<string, Record<string, number>> {
  return Object.fromEntries([...told].map(([key, series]) => [key, Object.fromEntries(series)]));
}
