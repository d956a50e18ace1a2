/**
 * Keeps the keys of every issuer that RequestAuthentications name. Each set is fetched every half minute, whatever tokens
 * come: a new key is known within that time, and no token can cause a fetch (docs/decisions tells why). What was fetched
 * last holds for a day when its issuer is away; after that, and before the first fetch, nobody's word stands in for it.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import {
  JWKS_LAST_GOOD_MS,
  JWKS_REFRESH_MS,
  JWKS_RETRY_MS,
  JWKS_SOURCES_MAX,
} from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import { readRecords, writeRecords } from "../../identity/record-file.ts";
import { durationMs } from "../../resource/duration.ts";
import type { Counter, Gauge } from "../../telemetry/counter.ts";
import type { SeriesSource } from "../../telemetry/metric-registry.ts";
import {
  type FetchedKeySets,
  type FetchedKeys,
  type IssuerKeys,
  type KeySource,
  keySourceOf,
} from "../../translate/jwt/key-source.ts";
import { EgressGuard } from "./egress-guard.ts";
import { fetchKeys } from "./fetch-keys.ts";
import { isKeySetRecord, type KeySetRecord } from "./key-set-record.ts";

export interface KeySetKeeperOptions {
  /** Where keys are kept over a restart; undefined for nowhere. */
  readonly path: string | undefined;
  readonly getAllowedAddresses: () => readonly string[];
  /** Keys, or what is wrong with them, are not what they were. */
  readonly onChanged: () => void;
  readonly metrics: KeySetMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface KeySetMetrics {
  /** Label `result`: ok, failed. */
  readonly jwksFetches: SeriesSource<Counter>;
  /** Label `state`: current, stale, missing. */
  readonly jwksSets: SeriesSource<Gauge>;
}

/** What names issuers: a RequestAuthentication, or something in its form. */
export interface IssuerPolicy {
  readonly spec: { readonly jwtRules: readonly (IssuerKeys & { readonly timeout: string })[] };
}

/** Between two writes of keys that are the same: only how old they are is told. */
const SAVE_INTERVAL_MS = 3_600_000;

interface Entry {
  readonly source: KeySource;
  timeoutMs: number;
  document: string | undefined;
  fetchedAtMs: number;
  problem: string | undefined;
  failures: number;
  timer: Timer | undefined;
}

export class KeySetKeeper {
  readonly #options: KeySetKeeperOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  #records: readonly KeySetRecord[] | undefined;
  #sets: FetchedKeySets | undefined;

  constructor(options: KeySetKeeperOptions) {
    this.#options = options;
  }

  /** By source. The same object until something changes. */
  get sets(): FetchedKeySets {
    this.#sets ??= new Map(
      [...this.#entries].map(([key, { document, problem }]): [string, FetchedKeys] => [
        key,
        { document, problem },
      ]),
    );
    return this.#sets;
  }

  /** These are the issuers from now on. Keys of those that are new are fetched at once. */
  want(policies: readonly IssuerPolicy[]): void {
    const wanted = new Map<string, { readonly source: KeySource; readonly timeoutMs: number }>();
    for (const rule of policies.flatMap(({ spec }) => spec.jwtRules)) {
      const source = keySourceOf(rule);
      if (source === undefined || wanted.size === JWKS_SOURCES_MAX) continue;
      const timeoutMs = Math.max(durationMs(rule.timeout), wanted.get(source.key)?.timeoutMs ?? 0);
      wanted.set(source.key, { source, timeoutMs });
    }
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      entry.timer?.cancel();
      this.#entries.delete(key);
      this.#sets = undefined;
    }
    for (const [key, { source, timeoutMs }] of wanted) {
      const known = this.#entries.get(key);
      if (known === undefined) this.#begin(source, timeoutMs);
      else known.timeoutMs = timeoutMs;
    }
    this.#count();
  }

  stop(): void {
    this.#stopping.abort();
    for (const { timer } of this.#entries.values()) timer?.cancel();
  }

  #begin(source: KeySource, timeoutMs: number): void {
    const { path, clock } = this.#options;
    this.#records ??= path === undefined ? [] : readRecords(path, isKeySetRecord);
    const record = this.#records.find(({ key }) => key === source.key);
    const isFresh = record !== undefined && clock.nowMs() - record.fetchedAtMs < JWKS_LAST_GOOD_MS;
    const entry: Entry = {
      source,
      timeoutMs,
      document: isFresh ? record.document : undefined,
      fetchedAtMs: isFresh ? record.fetchedAtMs : 0,
      problem: undefined,
      failures: 0,
      timer: undefined,
    };
    this.#entries.set(source.key, entry);
    this.#sets = undefined;
    void this.#fetch(entry);
  }

  async #fetch(entry: Entry): Promise<void> {
    const { getAllowedAddresses, metrics, clock } = this.#options;
    const { source, timeoutMs } = entry;
    const { signal } = this.#stopping;
    try {
      const guard = new EgressGuard(getAllowedAddresses());
      const document = await fetchKeys(source, { timeoutMs, guard, signal });
      if (!this.#isCurrent(entry)) return;
      metrics.jwksFetches.with({ result: "ok" }).add(1);
      this.#onFetched(entry, document);
    } catch (error) {
      if (!this.#isCurrent(entry)) return;
      metrics.jwksFetches.with({ result: "failed" }).add(1);
      this.#onFailed(entry, messageOf(error));
    }
    this.#count();
    const delayMs =
      entry.failures === 0
        ? JWKS_REFRESH_MS
        : Math.min(JWKS_REFRESH_MS, JWKS_RETRY_MS * 2 ** (entry.failures - 1));
    entry.timer = clock.schedule(delayMs, () => void this.#fetch(entry));
  }

  #isCurrent(entry: Entry): boolean {
    return !this.#stopping.signal.aborted && this.#entries.get(entry.source.key) === entry;
  }

  #onFetched(entry: Entry, document: string): void {
    const { clock, log, onChanged } = this.#options;
    const { url } = entry.source;
    const isSame = entry.document === document && entry.problem === undefined;
    const isNew = entry.document !== document;
    entry.fetchedAtMs = clock.nowMs();
    entry.document = document;
    entry.problem = undefined;
    entry.failures = 0;
    const record = this.#records?.find(({ key }) => key === entry.source.key);
    if (isNew || entry.fetchedAtMs - (record?.fetchedAtMs ?? 0) > SAVE_INTERVAL_MS) this.#save();
    if (isSame) return;
    log.info(isNew ? "keys of an issuer fetched" : "keys of an issuer can be fetched again", {
      url,
    });
    this.#sets = undefined;
    onChanged();
  }

  #onFailed(entry: Entry, problem: string): void {
    const { clock, log, onChanged } = this.#options;
    const { url } = entry.source;
    entry.failures += 1;
    const isOver =
      entry.document !== undefined && clock.nowMs() - entry.fetchedAtMs >= JWKS_LAST_GOOD_MS;
    if (isOver) {
      entry.document = undefined;
      log.error("keys of an issuer are too old and not used any more", { url });
    }
    if (!isOver && entry.problem === problem) return;
    log.warn("keys of an issuer cannot be fetched", { url, error: problem });
    entry.problem = problem;
    this.#sets = undefined;
    onChanged();
  }

  #save(): void {
    const { path, log } = this.#options;
    if (path === undefined) return;
    const records = [...this.#entries.values()].flatMap(
      ({ source: { key }, document, fetchedAtMs }) =>
        document === undefined ? [] : [{ key, document, fetchedAtMs }],
    );
    try {
      writeRecords(path, records);
      this.#records = records;
    } catch (error) {
      log.warn("fetched keys cannot be kept", { error: messageOf(error) });
    }
  }

  #count(): void {
    const counts = { current: 0, stale: 0, missing: 0 };
    for (const { document, problem } of this.#entries.values()) {
      counts[document === undefined ? "missing" : problem === undefined ? "current" : "stale"] += 1;
    }
    const { jwksSets } = this.#options.metrics;
    for (const [state, count] of Object.entries(counts)) jwksSets.with({ state }).set(count);
  }
}
