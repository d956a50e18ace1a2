/**
 * Keeps the bundles of the trust domains that TrustDomainFederations name: each is fetched as often as it says itself, else
 * every five minutes (SPIFFE Federation section 5.1). What was fetched last holds while its endpoint is away; a bundle that
 * is older than it never replaces it; one without roots takes all trust away.
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { parseBundleDocument, type SpiffeBundle } from "../../decision/spiffe/bundle-document.ts";
import { readRecords, writeRecords } from "../../identity/record-file.ts";
import { parseSpiffeId } from "../../identity/spiffe-id.ts";
import type { TrustBundle } from "../../identity/trust-bundle.ts";
import type {
  TrustDomainFederation,
  TrustDomainFederationSpec,
} from "../../resource/kinds/trust-domain-federation.ts";
import type { Finding } from "../../translate/translation.ts";
import { EgressGuard } from "../jwks/egress-guard.ts";
import { fetchBundle } from "./bundle-fetch.ts";
import { type BundleRecord, isBundleRecord } from "./bundle-record.ts";

/** SPIFFE Federation section 5.1: where the bundle has no hint. */
const REFRESH_S_DEFAULT = 300;
/** What a bundle may ask for: no more than a request a second, and once a day at least. */
const REFRESH_S_MIN = 1;
const REFRESH_S_MAX = 86_400;
/** After the first failure; doubled after each further one, up to the refresh. */
const RETRY_MS = 1_000;

export interface FederationKeeperOptions {
  /** Undefined keeps nothing on disk. */
  readonly path: string | undefined;
  readonly trustDomain: string;
  /** Roots of the mesh itself. */
  readonly getOwnBundle: () => TrustBundle;
  /** Networks that may be fetched from although they are closed by default. */
  readonly getAllowedAddresses: () => readonly string[];
  /** A bundle, or what is wrong with it, is not what it was. */
  readonly onChanged: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Entry {
  readonly name: string;
  readonly spec: TrustDomainFederationSpec;
  bundle: SpiffeBundle | undefined;
  document: string;
  problem: string | undefined;
  failures: number;
  timer: Timer | undefined;
}

export class FederationKeeper {
  readonly #options: FederationKeeperOptions;
  /** By trust domain. */
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  #records: readonly BundleRecord[] | undefined;
  #findings: readonly Finding[] = [];

  constructor(options: FederationKeeperOptions) {
    this.#options = options;
  }

  /** Of each trust domain that something is known of, in the order of their names. */
  get bundles(): readonly SpiffeBundle[] {
    return [...this.#entries.values()]
      .flatMap(({ bundle }) => (bundle === undefined ? [] : [bundle]))
      .sort((a, b) => (a.x509.trustDomain < b.x509.trustDomain ? -1 : 1));
  }

  /** What people should know about the objects that it follows. */
  get findings(): readonly Finding[] {
    return [...this.#findings, ...[...this.#entries.values()].flatMap(findingOf)];
  }

  /** These are trusted from now on, the oldest for each trust domain. True when that is another set than before. */
  want(federations: readonly TrustDomainFederation[]): boolean {
    const wanted = new Map<string, TrustDomainFederation>();
    const findings: Finding[] = [];
    for (const federation of federations.toSorted(byAge)) {
      const { trustDomain } = federation.spec;
      const other = wanted.get(trustDomain);
      if (trustDomain === this.#options.trustDomain) {
        findings.push(conflict(federation, "it is the mesh's own trust domain"));
      } else if (other !== undefined) {
        findings.push(conflict(federation, `${other.metadata.name} is older and counts`));
      } else wanted.set(trustDomain, federation);
    }
    this.#findings = findings;
    let isChanged = false;
    for (const [trustDomain, entry] of this.#entries) {
      const now = wanted.get(trustDomain);
      if (isDeepStrictEqual(now?.spec, entry.spec) && now?.metadata.name === entry.name) continue;
      entry.timer?.cancel();
      this.#entries.delete(trustDomain);
      isChanged = true;
    }
    for (const [trustDomain, federation] of wanted) {
      if (this.#entries.has(trustDomain)) continue;
      this.#begin(federation);
      isChanged = true;
    }
    return isChanged;
  }

  stop(): void {
    this.#stopping.abort();
    for (const { timer } of this.#entries.values()) timer?.cancel();
  }

  #begin({ metadata, spec }: TrustDomainFederation): void {
    const { path } = this.#options;
    const { trustDomain } = spec;
    this.#records ??= path === undefined ? [] : readRecords(path, isBundleRecord);
    const entry: Entry = {
      name: metadata.name,
      spec,
      bundle: undefined,
      document: "",
      problem: undefined,
      failures: 0,
      timer: undefined,
    };
    const kept = this.#records.find((record) => record.trustDomain === trustDomain);
    for (const document of [spec.trustDomainBundle, kept?.document]) {
      if (document === undefined) continue;
      const problem = take(entry, document);
      if (problem !== undefined) entry.problem = `trustDomainBundle: ${problem}`;
    }
    this.#entries.set(trustDomain, entry);
    entry.timer = this.#options.clock.schedule(0, () => void this.#fetch(entry));
  }

  /** Never rejects. */
  async #fetch(entry: Entry): Promise<void> {
    const { clock, getAllowedAddresses, log } = this.#options;
    const { spec } = entry;
    const before = [entry.document, entry.problem];
    try {
      const document = await fetchBundle(spec, {
        endpointBundle: this.#endpointBundle(spec),
        guard: new EgressGuard(getAllowedAddresses()),
        signal: this.#stopping.signal,
        nowMs: () => clock.nowMs(),
      });
      if (!this.#isCurrent(entry)) return;
      entry.problem = take(entry, document.toString("utf8"));
    } catch (error) {
      if (!this.#isCurrent(entry)) return;
      entry.problem = messageOf(error);
    }
    entry.failures = entry.problem === undefined ? 0 : entry.failures + 1;
    entry.timer = clock.schedule(delayMsOf(entry), () => void this.#fetch(entry));
    if (entry.document === before[0] && entry.problem === before[1]) return;
    const { trustDomain } = spec;
    if (entry.problem === undefined) log.info("bundle of a trust domain fetched", { trustDomain });
    else log.warn("bundle of a trust domain not fetched", { trustDomain, reason: entry.problem });
    if (entry.document !== before[0]) this.#save();
    this.#options.onChanged();
  }

  /** Who the endpoint is is judged by the bundle of its own trust domain: the mesh's, that one's, or another one's. */
  #endpointBundle({ bundleEndpointProfile }: TrustDomainFederationSpec): TrustBundle | undefined {
    const id = parseSpiffeId(bundleEndpointProfile.endpointSPIFFEID ?? "");
    if (!id.ok) return undefined;
    const { trustDomain, getOwnBundle } = this.#options;
    if (id.trustDomain === trustDomain) return getOwnBundle();
    return this.#entries.get(id.trustDomain)?.bundle?.x509;
  }

  #isCurrent(entry: Entry): boolean {
    return !this.#stopping.signal.aborted && this.#entries.get(entry.spec.trustDomain) === entry;
  }

  #save(): void {
    const { path, log } = this.#options;
    if (path === undefined) return;
    const records = [...this.#entries].flatMap(([trustDomain, { document }]) =>
      document === "" ? [] : [{ trustDomain, document }],
    );
    try {
      writeRecords(path, records);
      this.#records = records;
    } catch (error) {
      log.warn("fetched bundles cannot be kept", { reason: messageOf(error) });
    }
  }
}

/** Takes a document over unless it is no better than what is there. Why not, as the end of a sentence. */
function take(entry: Entry, document: string): string | undefined {
  const bundle = parseBundleDocument(document, entry.spec.trustDomain);
  if (bundle.kind === "error") return `the bundle cannot be used: ${bundle.message}`;
  const known = entry.bundle?.sequence;
  if (known !== undefined && bundle.sequence !== undefined) {
    if (bundle.sequence < known) {
      return `the bundle has sequence ${bundle.sequence}, older than ${known}: it is not taken`;
    }
    // SPIFFE Trust Domain and Bundle section 4.1.1: the same number is the same bundle.
    if (bundle.sequence === known) return undefined;
  }
  entry.bundle = bundle;
  entry.document = document;
  return undefined;
}

function delayMsOf({ bundle, failures }: Entry): number {
  const hint = bundle?.refreshHintS ?? REFRESH_S_DEFAULT;
  const refreshMs = Math.min(REFRESH_S_MAX, Math.max(REFRESH_S_MIN, hint)) * 1000;
  return failures === 0
    ? refreshMs
    : Math.min(refreshMs, RETRY_MS * 2 ** Math.min(failures - 1, 16));
}

function findingOf({ name, bundle, problem }: Entry): readonly Finding[] {
  const object = { kind: "TrustDomainFederation", namespace: "", name } as const;
  const place = { object, path: "spec.bundleEndpointURL" };
  if (bundle === undefined) {
    const isPending = problem === undefined;
    const message = isPending
      ? "its bundle is being fetched; nobody of that trust domain is trusted yet"
      : `no bundle: ${problem}. Nobody of that trust domain is trusted`;
    return [
      {
        ...place,
        code: isPending ? "bundle-pending" : "bundle-missing",
        severity: isPending ? "info" : "error",
        message,
      },
    ];
  }
  if (problem !== undefined) {
    const message = `the bundle that was known before is in use: ${problem}`;
    return [{ ...place, code: "bundle-stale", severity: "warning", message }];
  }
  if (bundle.x509.roots.length === 0) {
    const message = "its bundle has no root: nobody of that trust domain is trusted";
    return [{ ...place, code: "bundle-missing", severity: "error", message }];
  }
  return bundle.problems.map((text) => ({
    ...place,
    ...{ code: "bundle-unusable", severity: "warning" },
    message: `an entry of its bundle is passed over: ${text}`,
  }));
}

function conflict({ metadata }: TrustDomainFederation, reason: string): Finding {
  return {
    code: "policy-conflict",
    severity: "warning",
    object: { kind: "TrustDomainFederation", namespace: "", name: metadata.name },
    path: "spec.trustDomain",
    message: `it has no effect: ${reason}`,
  };
}

function byAge(a: TrustDomainFederation, b: TrustDomainFederation): number {
  const [before, after] = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? "");
  if (before !== after) return (before ?? "") < (after ?? "") ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
