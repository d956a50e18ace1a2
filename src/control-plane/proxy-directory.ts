/**
 * Every proxy that is connected or was a moment ago, and the answer to "who runs revision N?". The ADS
 * server keeps what was sent and acknowledged; this joins it with who the proxy is.
 */
import type { Clock } from "../core/clock.ts";
import type { ProxyRecord, TypeRecord } from "../xds/proxy-record.ts";
import { shortTypeName } from "../xds/type-urls.ts";
import type { RevisionResponse } from "./api-types.ts";
import type { ProxyNode } from "./proxy-node.ts";

/** How long `status` still shows a proxy that is gone. */
const DISCONNECTED_RETENTION_MS = 5 * 60_000;
/** Proxies shown that are gone; beyond it the oldest are forgotten first. */
const DISCONNECTED_MAX = 1000;
/** Long polls at one time. */
const WAITERS_MAX = 1000;

export interface ProxyEntry {
  /** `namespace/id`. */
  readonly key: string;
  readonly node: ProxyNode;
  /** The open ADS stream. */
  readonly streamId: string | undefined;
  readonly remoteAddress: string;
  readonly protocol: "delta" | "sotw";
  readonly connectedSinceMs: number;
  readonly disconnectedSinceMs: number | undefined;
  /** The record when its stream ended; of a connected proxy ask the ADS server. */
  readonly lastRecord: ProxyRecord | undefined;
}

export interface ProxyDirectoryOptions {
  readonly clock: Clock;
  /** The record of an open stream. */
  readonly recordOf: (streamId: string) => ProxyRecord | undefined;
  /** The newest revision that was handed to the ADS server for every proxy. */
  readonly translatedRevision: () => number;
}

export interface WaitOptions {
  readonly waitMs: number;
  /** Ends the wait early with what is known then. */
  readonly signal: AbortSignal;
}

export class ProxyDirectory {
  readonly #options: ProxyDirectoryOptions;
  readonly #entries = new Map<string, ProxyEntry>();
  readonly #waiters = new Set<() => void>();

  constructor(options: ProxyDirectoryOptions) {
    this.#options = options;
  }

  connect(
    stream: Pick<ProxyEntry, "remoteAddress" | "protocol"> & { readonly id: string },
    node: ProxyNode,
  ): ProxyEntry {
    const key = `${node.scope.namespace}/${node.scope.nodeId}`;
    const entry: ProxyEntry = {
      key,
      node,
      streamId: stream.id,
      remoteAddress: stream.remoteAddress,
      protocol: stream.protocol,
      connectedSinceMs: this.#options.clock.nowMs(),
      disconnectedSinceMs: undefined,
      lastRecord: undefined,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.notify();
    return entry;
  }

  /** The end of a stream that another has replaced already is ignored. */
  disconnect(streamId: string, record: ProxyRecord): void {
    const entry = this.byStream(streamId);
    if (entry === undefined) return;
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, {
      ...entry,
      streamId: undefined,
      disconnectedSinceMs: this.#options.clock.nowMs(),
      lastRecord: record,
    });
    this.#forgetOld();
    this.notify();
  }

  byStream(streamId: string): ProxyEntry | undefined {
    return this.connected().find((entry) => entry.streamId === streamId);
  }

  /** By `namespace/id`, or by the id alone when only one namespace has it. */
  find(idOrKey: string): ProxyEntry | undefined {
    const exact = this.#entries.get(idOrKey);
    if (exact !== undefined) return exact;
    const matches = this.list().filter((entry) => entry.node.scope.nodeId === idOrKey);
    return matches.length === 1 ? matches[0] : undefined;
  }

  /** Sorted by key. */
  list(): readonly ProxyEntry[] {
    this.#forgetOld();
    return [...this.#entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  connected(): readonly ProxyEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.streamId !== undefined);
  }

  recordOf(entry: ProxyEntry): ProxyRecord | undefined {
    return entry.streamId === undefined ? entry.lastRecord : this.#options.recordOf(entry.streamId);
  }

  /** Something that a waiter may wait for has happened. */
  notify(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /** How far every connected proxy is with `revision`. */
  revisionStatus(revision: number): RevisionResponse {
    const translatedRevision = this.#options.translatedRevision();
    const acknowledged: string[] = [];
    const pending: { proxy: string; reason: string }[] = [];
    const refused: { proxy: string; type: string; revision: number; message: string }[] = [];
    for (const entry of this.list().filter((one) => one.streamId !== undefined)) {
      const proxy = entry.node.scope.nodeId;
      const record = this.recordOf(entry);
      if (translatedRevision < revision) {
        pending.push({ proxy, reason: "the revision is not translated yet" });
        continue;
      }
      if ((record?.acknowledgedRevision ?? -1) >= revision) {
        acknowledged.push(proxy);
        continue;
      }
      const refusals = [...(record?.types ?? [])].flatMap(([typeUrl, { refused: refusal }]) =>
        refusal === undefined
          ? []
          : [
              {
                proxy,
                type: shortTypeName(typeUrl).toLowerCase(),
                revision: refusal.revision,
                message: refusal.message,
              },
            ],
      );
      if (refusals.length > 0) refused.push(...refusals);
      else pending.push({ proxy, reason: pendingReason(record, revision) });
    }
    const done = translatedRevision >= revision && pending.length === 0 && refused.length === 0;
    return { revision, translatedRevision, done, acknowledged, pending, refused };
  }

  /** Resolves when no connected proxy is pending, when the time is over, or when `signal` aborts. */
  async waitForRevision(revision: number, options: WaitOptions): Promise<RevisionResponse> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + options.waitMs;
    for (;;) {
      const status = this.revisionStatus(revision);
      const isSettled = status.translatedRevision >= revision && status.pending.length === 0;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (isSettled || leftMs <= 0 || options.signal.aborted) return status;
      if (this.#waiters.size >= WAITERS_MAX) return status;
      await this.#nextChange(leftMs, options.signal);
    }
  }

  #nextChange(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", wake);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = this.#options.clock.schedule(timeoutMs, wake);
      signal.addEventListener("abort", wake);
      this.#waiters.add(wake);
    });
  }

  /** Entries are in the order of their last connect or disconnect. */
  #forgetOld(): void {
    const gone = [...this.#entries.values()].filter((entry) => entry.streamId === undefined);
    const oldestMs = this.#options.clock.nowMs() - DISCONNECTED_RETENTION_MS;
    for (const [index, entry] of gone.entries()) {
      const isOver = gone.length - index > DISCONNECTED_MAX;
      if (isOver || (entry.disconnectedSinceMs ?? 0) < oldestMs) this.#entries.delete(entry.key);
    }
  }
}

function pendingReason(record: ProxyRecord | undefined, revision: number): string {
  if (record === undefined || record.types.size === 0) return "it has not asked for anything yet";
  const waiting = [...record.types]
    .filter(([, type]) => (type.acknowledged?.revision ?? -1) < revision)
    .map(([typeUrl, type]) => `${shortTypeName(typeUrl)} ${waitingFor(type)}`);
  return waiting.length === 0 ? "it is about to acknowledge" : waiting.join(", ");
}

function waitingFor(type: TypeRecord): string {
  if (type.sent === undefined) return "not sent yet";
  const isAcknowledged = type.sent.version === type.acknowledged?.version;
  return isAcknowledged ? "waits for types that go first" : "sent, not acknowledged";
}
