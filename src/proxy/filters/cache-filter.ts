/**
 * The response cache (RFC 9111): answers what it holds, lets one request at a time ask for what it does not, and keeps
 * what comes back. Its rules lie in `src/proxy/cache`, the recording of answers in `cache-recording.ts`.
 *
 *   request ─┬─ fresh ──────────> answer
 *            ├─ stale ──────────> answer, and ask again behind it; or ask first
 *            ├─ on its way ─────> wait ─> answer, or ask
 *            └─ not there ──────> ask ─> answer and keep
 */
import type { CacheRule } from "../../decision/filters/cache-rule.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_NONE, RequestHead } from "../../http/request-head.ts";
import { ResponseHead } from "../../http/response-head.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { cacheIdentity, cacheUri } from "../cache/cache-key.ts";
import { CachePurger } from "../cache/cache-purger.ts";
import { hitStatus } from "../cache/cache-status.ts";
import { CacheStore } from "../cache/cache-store.ts";
import { type Flight, Flights } from "../cache/flights.ts";
import { isOnlyIfCached, reuseOf } from "../cache/reuse.ts";
import { answerFrom } from "../cache/stored-answer.ts";
import type { StoredResponse } from "../cache/stored-response.ts";
import { varyingValues } from "../cache/vary.ts";
import { LOCAL_REPLY } from "../local-reply.ts";
import { StoredAnswerStream } from "./cache-answer-stream.ts";
import { CacheHeadCheck } from "./cache-head-check.ts";
import { CacheInvalidation } from "./cache-invalidation.ts";
import { CacheRecording } from "./cache-recording.ts";
import { CacheWaiter } from "./cache-waiter.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
  WAITS,
} from "./http-filter.ts";

/** RFC 9110 section 9.2.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
/** Conditions that a cache cannot judge for its origin (RFC 9111 section 4.3.2). */
const ORIGIN_CONDITIONS = ["if-match", "if-unmodified-since"] as const;

/** What a request asks for itself alone. */
const OF_CLIENT: ReadonlySet<string> = new Set([
  ...["range", "if-range", "if-none-match", "if-modified-since", "cache-control", "pragma"],
]);

const DETAILS = "response_from_cache_filter";

export class CacheFilter implements HttpFilter {
  readonly #rule: CacheRule;
  readonly services: FilterServices;
  readonly #flights: Flights;
  readonly #purger = new CachePurger();
  /** Requests of the cache's own, which validate what is stale. */
  readonly #own = new WeakSet<RequestHead>();
  #store: CacheStore | undefined;
  #bytesMax = 0;

  constructor(rule: CacheRule, services: FilterServices) {
    this.#rule = rule;
    this.services = services;
    this.#flights = new Flights(services.metrics.cache.waiting);
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute, request } = call;
    const rule = ofRoute?.kind === "cache" ? ofRoute : this.#rule;
    const { head } = request;
    if (head === undefined || request.isForTunnel || call.outcome.isGrpc) return GO_ON;
    const store = this.storeOf(rule);
    const uri = cacheUri(request, rule);
    if (!SAFE_METHODS.has(request.method)) {
      call.editResponse(new CacheInvalidation(store, request, uri, this.services));
      return GO_ON;
    }
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead || head.bodyKind !== BODY_NONE || !this.#isFor(rule, call)) {
      if (isRead) this.services.metrics.cache.bypassed.value += 1;
      return GO_ON;
    }
    return this.decide(call, rule, true);
  }

  /** What becomes of a request that may be answered from the cache. `mayWait`: for another one's response. */
  readonly decide = (call: FilterCall, rule: CacheRule, mayWait: boolean): FilterVerdict => {
    const { request } = call;
    const uri = cacheUri(request, rule);
    const identity = cacheIdentity(call.outcome.connection, request, rule);
    const stored = this.find(rule, uri, identity, call);
    const isOwn = this.#own.has(request.head!);
    if (stored !== undefined && !isOwn) {
      const verdict = this.#reuse(call, rule, stored, !mayWait);
      if (verdict !== undefined) return verdict;
    }
    if (isOnlyIfCached(request)) {
      call.answer(LOCAL_REPLY.onlyIfCached, "");
      return ANSWERED;
    }
    if (request.method === "HEAD") {
      this.services.metrics.cache.misses.value += 1;
      if (stored !== undefined) {
        const store = this.storeOf(rule);
        const { headers } = request.head!;
        call.editResponse(new CacheHeadCheck(headers, stored, store, rule, this.services));
      }
      return GO_ON;
    }
    return this.#forward(call, rule, { uri, identity, stored, mayWait: mayWait && !isOwn });
  };

  /** The newest stored response that fits, with its age of now. */
  find(
    rule: CacheRule,
    uri: string,
    identity: string,
    call: FilterCall,
  ): StoredResponse | undefined {
    const group = this.storeOf(rule).of(uri);
    for (let i = group.length - 1; i >= 0; i--) {
      const { key } = group[i]!;
      if (key.identity !== identity) continue;
      const values = varyingValues(key.varyNames, (name) => call.request.header(name));
      if (values !== key.varyValues) continue;
      group[i]!.ageAt(this.services.wallMs());
      return group[i]!;
    }
    return undefined;
  }

  /** Brings it up to date with the rule: its size, and what is to be forgotten. */
  storeOf(rule: CacheRule): CacheStore {
    if (this.#store === undefined || this.#bytesMax !== rule.bytesMax) {
      this.#store?.clear();
      this.#store = new CacheStore(rule.bytesMax, this.services.metrics.cache);
      this.#bytesMax = rule.bytesMax;
    }
    this.services.metrics.cache.purged.value += this.#purger.apply(rule, this.#store);
    return this.#store;
  }

  /** Answers the request by what is stored. */
  answer(call: FilterCall, stored: StoredResponse, isCollapsed: boolean): void {
    const head = new ResponseHead();
    const { request, outcome } = call;
    const part = answerFrom(stored, request, head, this.services.wallMs());
    head.headers.add(hitStatus(stored.lifetimeMs - stored.ageMs, isCollapsed));
    outcome.flag = FLAG.RFCF;
    call.hold((next) => new StoredAnswerStream(next, call, stored.body, part));
    call.answerStored(head, DETAILS);
  }

  #isFor({ tests }: CacheRule, call: FilterCall): boolean {
    const { request } = call;
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(request)) return false;
    for (const name of ORIGIN_CONDITIONS) if (request.header(name) !== undefined) return false;
    return true;
  }

  /** Undefined: the upstream is to be asked. */
  #reuse(
    call: FilterCall,
    rule: CacheRule,
    stored: StoredResponse,
    isCollapsed: boolean,
  ): FilterVerdict | undefined {
    if (stored.isInvalid) return undefined;
    const { cache } = this.services.metrics;
    const { kind } = reuseOf(call.request, stored, rule);
    switch (kind) {
      case "validate":
        return undefined;
      case "fresh":
        (isCollapsed ? cache.collapsed : cache.hits).value += 1;
        break;
      case "stale-accepted":
        cache.staleHits.value += 1;
        break;
      case "stale-while-revalidate":
        cache.staleHits.value += 1;
        this.#refresh(call, stored);
        break;
    }
    this.storeOf(rule).touch(stored);
    this.answer(call, stored, isCollapsed);
    return ANSWERED;
  }

  #forward(
    call: FilterCall,
    rule: CacheRule,
    about: {
      readonly uri: string;
      readonly identity: string;
      readonly stored: StoredResponse | undefined;
      readonly mayWait: boolean;
    },
  ): FilterVerdict {
    const { uri, identity, stored } = about;
    const nowMs = this.services.nowMs();
    const key = `${uri}\n${identity}`;
    let flight: Flight | undefined;
    // A part is not kept, so that nobody could be answered by it.
    const mayFly = rule.waitMs > 0 && call.request.header("range") === undefined;
    if (mayFly && this.#flights.mayWait(key, nowMs)) {
      const joined = about.mayWait ? this.#flights.of(key) : undefined;
      if (joined !== undefined) {
        const waiter = new CacheWaiter(this.decide, call, rule, joined);
        joined.join(waiter);
        call.delay(rule.waitMs, waiter);
        return WAITS;
      }
      if (this.#flights.isFree(key)) flight = this.#flights.begin(key);
    }
    this.services.metrics.cache.misses.value += 1;
    const { services } = this;
    const store = this.storeOf(rule);
    new CacheRecording({ call, rule, services, store, uri, identity, stored, flight }).begin();
    return GO_ON;
  }

  /** RFC 5861 section 3: the same request once more, for the cache alone. */
  #refresh(call: FilterCall, stored: StoredResponse): void {
    if (stored.isRefreshing) return;
    stored.isRefreshing = true;
    const head = new RequestHead();
    const { head: asked } = call.request;
    head.method = "GET";
    head.target = asked!.target;
    head.hasSpecialBytes = asked!.hasSpecialBytes;
    head.queryAt = asked!.queryAt;
    head.authority = asked!.authority;
    head.scheme = asked!.scheme;
    asked!.headers.forEach((name, value) => {
      if (!OF_CLIENT.has(name.toLowerCase())) {
        head.headers.add(new HeaderField(new HeaderName(name), value));
      }
    });
    this.#own.add(head);
    const hasBegun = this.services.requestInBackground({
      head,
      connection: call.outcome.connection,
      onOver: () => {
        stored.isRefreshing = false;
      },
    });
    if (!hasBegun) stored.isRefreshing = false;
  }
}
