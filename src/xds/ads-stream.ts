/**
 * One ADS stream, without its transport: requests and snapshots in, responses out. At most one response
 * per type is unanswered at any time and a newer snapshot replaces one that was not begun, so nothing queues
 * up behind a slow client.
 */
import type { Clock, Timer } from "../core/clock.ts";
import type {
  DeltaDiscoveryRequest,
  DiscoveryRequest,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import type { ClusterReferenceIndex } from "./cluster-references.ts";
import { applyDeltaRequest, applySotwRequest, type RequestOutcome } from "./discovery-requests.ts";
import { Introduction } from "./introduction.ts";
import {
  INTRODUCTION_MS_MAX,
  REFUSAL_MESSAGE_CHARS_MAX,
  STREAM_TYPES_MAX,
  SUBSCRIBED_NAMES_MAX,
} from "./limits.ts";
import type { ProxyRecord, TypeRecord } from "./proxy-record.ts";
import { type PlanResult, type PushPlan, planPush } from "./push-plan.ts";
import { CLUSTER_NEEDS, isUnordered, pushInOrder, ROUTING_TYPES } from "./push-sequence.ts";
import { type TypeTarget, typeTarget } from "./push-target.ts";
import type { ResponseEncoder } from "./response-encoder.ts";
import type { SetVersions } from "./set-version.ts";
import { type EncodedResource, type ProxySnapshot, resourcesOfType } from "./snapshot.ts";
import { TypeState } from "./type-state.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  EXTENSION_TYPE_URL,
  isFullState,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "./type-urls.ts";

export interface StreamRefusal {
  readonly typeUrl: string;
  readonly revision: number;
  readonly version: string;
  readonly names: readonly string[];
  readonly message: string;
}

export interface AdsStreamDeps {
  readonly protocol: "sotw" | "delta";
  readonly clock: Clock;
  readonly encoder: ResponseEncoder;
  readonly references: ClusterReferenceIndex;
  readonly setVersions: SetVersions;
  /** Hands over one response. False: the transport is full, send nothing before `drained`. */
  readonly write: (response: Buffer) => boolean;
  readonly onAcknowledge: (revision: number) => void;
  readonly onRefuse: (refusal: StreamRefusal) => void;
}

/** Why a request ends the stream. */
export type RequestProblem = "too many types" | "too many names" | "no type URL";

interface Outlook {
  readonly round: ProxySnapshot;
  readonly newest: ProxySnapshot;
}

export class AdsStream {
  readonly #deps: AdsStreamDeps;
  readonly #states = new Map<string, TypeState>();
  readonly #records = new Map<string, TypeRecord>();
  #outlook: Outlook | undefined;
  #acknowledgedRevision: number | undefined;
  #nonces = 0;
  #isBlocked = false;
  #isClosed = false;
  #retryTimer: Timer | undefined;
  readonly #introduction = new Introduction();
  #introductionTimer: Timer | undefined;

  constructor(deps: AdsStreamDeps) {
    this.#deps = deps;
  }

  get record(): ProxyRecord {
    return {
      types: new Map(this.#records),
      ...(this.#outlook && { targetRevision: this.#outlook.newest.revision }),
      ...(this.#acknowledgedRevision !== undefined && {
        acknowledgedRevision: this.#acknowledgedRevision,
      }),
    };
  }

  onSotwRequest(request: DiscoveryRequest): RequestProblem | undefined {
    return this.#onRequest(request.typeUrl, request.versionInfo !== "", (state, isFirst) =>
      applySotwRequest(state, request, isFirst, this.#deps.clock.monotonicMs()),
    );
  }

  onDeltaRequest(request: DeltaDiscoveryRequest): RequestProblem | undefined {
    const hasState = Object.keys(request.initialResourceVersions).length > 0;
    return this.#onRequest(request.typeUrl, hasState, (state, isFirst) =>
      applyDeltaRequest(state, request, isFirst, this.#deps.clock.monotonicMs()),
    );
  }

  /** Replaces what the client is to have. */
  setSnapshot(snapshot: ProxySnapshot): void {
    if (this.#isClosed) return;
    this.#outlook = { round: this.#outlook?.round ?? snapshot, newest: snapshot };
    this.#pump();
  }

  /** The transport takes responses again. */
  drained(): void {
    this.#isBlocked = false;
    this.#pump();
  }

  /** Sends nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    this.#introductionTimer?.cancel();
  }

  #onRequest(
    typeUrl: string,
    hasState: boolean,
    apply: (state: TypeState, isFirst: boolean) => RequestOutcome,
  ): RequestProblem | undefined {
    if (this.#isClosed) return undefined;
    if (typeUrl === "") return "no type URL";
    let state = this.#states.get(typeUrl);
    const isFirst = state === undefined;
    if (state === undefined) {
      if (this.#states.size >= STREAM_TYPES_MAX) return "too many types";
      state = new TypeState(typeUrl);
      this.#states.set(typeUrl, state);
      this.#records.set(typeUrl, {});
      this.#introduce(typeUrl, hasState);
    }
    this.#noteOutcome(typeUrl, apply(state, isFirst));
    // One request cannot exceed the bound by more than gRPC lets through.
    const nameCount = Math.max(state.subscription.names.size, state.owed.size);
    if (nameCount > SUBSCRIBED_NAMES_MAX) return "too many names";
    this.#pump();
    return undefined;
  }

  #noteOutcome(typeUrl: string, outcome: RequestOutcome): void {
    if (outcome.kind === "none") return;
    const { response } = outcome;
    const names = outcome.kind === "refused" ? outcome.names : [];
    if (typeUrl === CLUSTER_TYPE_URL) {
      const kept = response.changed.filter((name) => !names.includes(name));
      this.#oweClusterNeeds(pick(response.resources, kept), false);
    }
    if (outcome.kind === "acknowledged") return;
    const { version, revision } = response;
    const message = outcome.message.slice(0, REFUSAL_MESSAGE_CHARS_MAX);
    const refused = { version, revision, message, timeMs: this.#deps.clock.nowMs() };
    this.#records.set(typeUrl, { ...this.#records.get(typeUrl), refused });
    this.#deps.onRefuse({ typeUrl, revision, version, names, message });
  }

  #pump(): void {
    for (;;) {
      const outlook = this.#outlook;
      if (outlook === undefined || this.#isClosed) return;
      this.#pushRound(outlook);
      if (outlook.round === outlook.newest || !this.#isRoundOver(outlook)) break;
      this.#outlook = { round: outlook.newest, newest: outlook.newest };
    }
    this.#noteAcknowledged();
    this.#scheduleRetry();
  }

  #pushRound(outlook: Outlook): void {
    pushInOrder({
      push: (typeUrl, removals) => this.#push(typeUrl, removals, outlook),
      isIdle: (typeUrl) => !this.#isBlocked && this.#states.get(typeUrl)?.inFlight === undefined,
      isWarming: () =>
        CLUSTER_NEEDS.some((typeUrl) => (this.#states.get(typeUrl)?.warming.size ?? 0) > 0),
      unorderedTypes: () => [...this.#states.keys()].filter(isUnordered),
      mayRemoveClusters: () => this.#mayRemoveClusters(outlook),
    });
  }

  #push(typeUrl: string, removals: "now" | "later", outlook: Outlook): void {
    const state = this.#states.get(typeUrl);
    if (state === undefined || state.inFlight !== undefined || this.#isBlocked) return;
    const target = this.#target(typeUrl, outlook);
    const { plan } = this.#plan(state, target, removals, outlook);
    if (plan === undefined) {
      // Nothing that could be sent would warm anything.
      state.warming.clear();
      return;
    }
    const { resources, changed, removed, missing } = plan;
    state.answerDue = false;
    for (const name of [...changed, ...removed, ...missing]) state.owed.delete(name);
    const isEmpty = resources.size === 0 && removed.length === 0 && missing.length === 0;
    // An empty response says something only where it can mean "there is nothing at all".
    if (isEmpty && !state.subscription.wildcard && !this.#isFullState(typeUrl)) {
      state.warming.clear();
      return;
    }
    this.#send(state, target, plan);
  }

  #send(state: TypeState, target: TypeTarget, plan: PushPlan): void {
    const { typeUrl } = state;
    this.#nonces += 1;
    const nonce = String(this.#nonces);
    const isFull = this.#isFullState(typeUrl);
    const version = this.#deps.setVersions.of(isFull ? plan.resources : target.newest);
    const resources = plan.resources.values();
    const { encoder } = this.#deps;
    const bytes =
      this.#deps.protocol === "sotw"
        ? encoder.sotw({ typeUrl, nonce, versionInfo: version, resources, missing: plan.missing })
        : encoder.delta({
            typeUrl,
            nonce,
            systemVersionInfo: version,
            resources,
            removed: [...plan.removed, ...plan.missing],
          });
    state.lastNonce = nonce;
    state.inFlight = {
      nonce,
      version,
      revision: target.revision,
      resources: plan.resources,
      changed: plan.changed,
      removed: [...plan.removed, ...plan.missing],
    };
    if (typeUrl === CLUSTER_TYPE_URL) {
      this.#oweClusterNeeds(pick(plan.resources, plan.changed), true);
    }
    const sent = { version, revision: target.revision, timeMs: this.#deps.clock.nowMs() };
    this.#records.set(typeUrl, { ...this.#records.get(typeUrl), sent });
    if (!this.#deps.write(bytes)) this.#isBlocked = true;
  }

  /**
   * A cluster that was sent stays warming until its endpoints and secrets come after it, changed or not. Envoy
   * may not ask again for names that it subscribes to already (issues 13009 and 33607): those are owed as soon
   * as the cluster is sent. For new names it asks; who did not by the time of its answer gets them unasked.
   */
  #oweClusterNeeds(clusters: Iterable<EncodedResource>, subscribed: boolean): void {
    for (const cluster of clusters) {
      const { endpoints, secrets } = this.#deps.references.of(cluster);
      if (endpoints !== undefined) this.#oweNeed(ENDPOINT_TYPE_URL, endpoints, subscribed);
      for (const secret of secrets) this.#oweNeed(SECRET_TYPE_URL, secret, subscribed);
    }
  }

  #oweNeed(typeUrl: string, name: string, subscribed: boolean): void {
    const state = this.#states.get(typeUrl);
    const newest = this.#outlook?.newest;
    // Without any subscription of the type the client would not even acknowledge it.
    if (state === undefined || newest === undefined || state.subscription.isEmpty) return;
    if (state.subscription.covers(name) !== subscribed) return;
    if (!subscribed && !resourcesOfType(newest, typeUrl).has(name)) return;
    state.owe([name]);
    state.warming.add(name);
  }

  #plan(
    state: TypeState,
    target: TypeTarget,
    removals: "now" | "later",
    outlook: Outlook,
  ): PlanResult {
    const { cleanFor } = state;
    if (cleanFor?.[0] === target.round && cleanFor[1] === target.newest && !state.answerDue) {
      return { plan: undefined, incomplete: false };
    }
    const { typeUrl } = state;
    const saysRemovals = this.#deps.protocol === "delta" || this.#isFullState(typeUrl);
    const result = planPush(state, target, {
      fullState: this.#isFullState(typeUrl),
      removals: saysRemovals && typeUrl !== EXTENSION_TYPE_URL ? removals : "never",
      reportsMissing: typeUrl !== EXTENSION_TYPE_URL,
      nowMs: this.#deps.clock.monotonicMs(),
      isHeld: this.#holdRule(typeUrl, outlook),
    });
    if (result.plan === undefined && !result.incomplete) {
      state.cleanFor = [target.round, target.newest];
    }
    return result;
  }

  /**
   * A route or listener that names a cluster which the client refused and never had stays as it is: the new
   * one could only answer 503. Names are looked for in the bytes; a false hit only delays.
   */
  #holdRule(typeUrl: string, outlook: Outlook): (resource: EncodedResource) => boolean {
    if (typeUrl !== LISTENER_TYPE_URL && typeUrl !== ROUTE_TYPE_URL) return () => false;
    const refused = [
      ...this.#refusedNews(CLUSTER_TYPE_URL, outlook),
      ...this.#refusedNews(ENDPOINT_TYPE_URL, outlook),
    ];
    if (refused.length === 0) return () => false;
    return ({ bytes }) => {
      const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return refused.some((name) => haystack.includes(name));
    };
  }

  /** Names that exist for the proxy, that it refused and of which it has no earlier version. */
  #refusedNews(typeUrl: string, outlook: Outlook): string[] {
    const state = this.#states.get(typeUrl);
    if (state === undefined || state.refusals.isEmpty) return [];
    const target = this.#target(typeUrl, outlook);
    return state.refusals
      .current((name) => target.lookup(name, undefined)?.version)
      .filter((name) => !state.known.has(name));
  }

  #isRoundOver(outlook: Outlook): boolean {
    for (const state of this.#states.values()) {
      // Endpoints and secrets follow the newest snapshot anyway: a round does not end with them.
      if (CLUSTER_NEEDS.includes(state.typeUrl)) continue;
      if (state.inFlight !== undefined) return false;
      const mustWait = state.typeUrl === CLUSTER_TYPE_URL && !this.#mayRemoveClusters(outlook);
      const target = this.#target(state.typeUrl, outlook);
      const { plan } = this.#plan(state, target, mustWait ? "later" : "now", outlook);
      if (plan !== undefined) return false;
    }
    return true;
  }

  #noteAcknowledged(): void {
    const outlook = this.#outlook;
    if (outlook === undefined) return;
    const isOver = this.#introduction.isOver(this.#deps.clock.monotonicMs());
    let isComplete = isOver && outlook.round === outlook.newest;
    for (const state of this.#states.values()) {
      if (!this.#noteTypeAcknowledged(state, outlook)) isComplete = false;
    }
    const { revision } = outlook.newest;
    if (!isComplete || this.#acknowledgedRevision === revision) return;
    this.#acknowledgedRevision = revision;
    this.#deps.onAcknowledge(revision);
  }

  /** A client that refused routes or listeners goes on with its old ones, and they with their clusters. */
  #mayRemoveClusters(outlook: Outlook): boolean {
    if (!this.#introduction.mayRemoveClusters(this.#deps.clock.monotonicMs())) return false;
    return ROUTING_TYPES.every((typeUrl) => {
      const state = this.#states.get(typeUrl);
      return (
        state === undefined || this.#hasEverything(state, this.#target(typeUrl, outlook), outlook)
      );
    });
  }

  /** Whether the client has acknowledged all of the type that it should have. */
  #hasEverything(state: TypeState, target: TypeTarget, outlook: Outlook): boolean {
    if (state.inFlight !== undefined) return false;
    const { plan, incomplete } = this.#plan(state, target, "now", outlook);
    if (plan !== undefined || incomplete) return false;
    const refused = state.refusals.current((name) => {
      const version = state.known.get(name)?.version;
      return target.lookup(name, version)?.version;
    });
    return refused.length === 0;
  }

  /** The same, written down. */
  #noteTypeAcknowledged(state: TypeState, outlook: Outlook): boolean {
    const target = this.#target(state.typeUrl, outlook);
    if (!this.#hasEverything(state, target, outlook)) return false;
    const { refused: madeGood, ...record } = this.#records.get(state.typeUrl) ?? {};
    const version = this.#deps.setVersions.of(target.newest);
    const { revision } = target;
    const before = record.acknowledged;
    if (before?.revision === revision && before.version === version && madeGood === undefined) {
      return true;
    }
    const acknowledged = { version, revision, timeMs: this.#deps.clock.nowMs() };
    this.#records.set(state.typeUrl, { ...record, acknowledged });
    return true;
  }

  #scheduleRetry(): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    const nowMs = this.#deps.clock.monotonicMs();
    const due = [...this.#states.values()]
      .map((state) => state.refusals.nextRetryMs(nowMs))
      .filter((atMs) => atMs !== undefined);
    if (due.length === 0) return;
    this.#retryTimer = this.#deps.clock.schedule(Math.min(...due) - nowMs, () => this.#pump());
  }

  #introduce(typeUrl: string, hasState: boolean): void {
    const { clock } = this.#deps;
    this.#introduction.note(typeUrl, hasState, clock.monotonicMs());
    this.#introductionTimer ??= clock.schedule(INTRODUCTION_MS_MAX, () => this.#pump());
  }

  #isFullState(typeUrl: string): boolean {
    return this.#deps.protocol === "sotw" && isFullState(typeUrl);
  }

  #target(typeUrl: string, outlook: Outlook): TypeTarget {
    return typeTarget(typeUrl, outlook.round, outlook.newest, this.#deps.references);
  }
}

function pick(
  resources: ReadonlyMap<string, EncodedResource>,
  names: readonly string[],
): EncodedResource[] {
  return names.flatMap((name) => resources.get(name) ?? []);
}
