/**
 * Stands in the way of an answer from upstream: keeps it when it may be kept, gives what is kept in its place when the
 * upstream says that it still holds (304) or fails, and tells those who wait.
 *
 *   head ─┬─ may be kept ──> recording ─ end ─> stored
 *         ├─ 304, failure ─> replaying ──────── the stored response, whatever the upstream sends
 *         └─ neither ──────> passing
 */
import { CACHE_TAG_LENGTH_MAX, CACHE_TAGS_MAX } from "../../core/limits.ts";
import type { CacheRule } from "../../decision/filters/cache-rule.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { ResponseHead } from "../../http/response-head.ts";
import { type ForwardReason, forwardStatus } from "../cache/cache-status.ts";
import type { CacheStore } from "../cache/cache-store.ts";
import { CLIENT_CONDITIONS, isSameResponse } from "../cache/conditional.ts";
import type { Flight } from "../cache/flights.ts";
import { freshnessLifetimeMs, initialAgeMs } from "../cache/freshness.ts";
import type { CachedRequestView } from "../cache/header-view.ts";
import { responseControl } from "../cache/response-control.ts";
import { reuseOf } from "../cache/reuse.ts";
import { storabilityRefusal } from "../cache/storability.ts";
import { type AnswerPart, answerFrom } from "../cache/stored-answer.ts";
import { StoredBody } from "../cache/stored-body.ts";
import { keptFields, StoredResponse } from "../cache/stored-response.ts";
import { updateStored } from "../cache/stored-update.ts";
import { parseVary, varyingValues } from "../cache/vary.ts";
import type { DownstreamConnection } from "../downstream-connection.ts";
import type { ServerStream } from "../stream.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall, HoldingStream, ResponseEditor } from "./http-filter.ts";

const IF_NONE_MATCH = new HeaderName("if-none-match");
const IF_MODIFIED_SINCE = new HeaderName("if-modified-since");
const DATE = new HeaderName("date");
const SET_COOKIE = new HeaderName("set-cookie");

/** A response of this proxy's own that says that an upstream failed, or an upstream's. */
const FAILURE_STATUS_MIN = 500;

export interface RecordingOptions {
  readonly call: FilterCall;
  readonly rule: CacheRule;
  readonly services: FilterServices;
  readonly store: CacheStore;
  readonly uri: string;
  readonly identity: string;
  /** Too old to be used unasked. */
  readonly stored: StoredResponse | undefined;
  /** Those who wait for the answer. */
  readonly flight: Flight | undefined;
}

type State =
  | { readonly kind: "head" }
  | { readonly kind: "passing" }
  | { readonly kind: "recording"; readonly fields: readonly HeaderField[]; readonly ageMs: number }
  | { readonly kind: "replaying"; readonly stored: StoredResponse; readonly part: AnswerPart };

const HEAD: State = { kind: "head" };
const PASSING: State = { kind: "passing" };

export class CacheRecording implements HoldingStream, ResponseEditor {
  readonly #options: RecordingOptions;
  /** The request as its client sent it: routes change what goes upstream. */
  readonly #asked: CachedRequestView;
  readonly #requestMs: number;
  /** The answer's head where a stored response takes its place. */
  readonly #head = new ResponseHead();
  #next!: ServerStream;
  #state: State = HEAD;
  #responseMs = 0;
  #status = 0;
  #reason = "";
  #chunks: Buffer[] = [];
  #bytes = 0;
  #replay: StoredBody | undefined;
  #isValidating = false;
  #reasonToForward: ForwardReason = "uri-miss";
  isHolding = false;

  constructor(options: RecordingOptions) {
    this.#options = options;
    const { request } = options.call;
    const headers = copiedHeaders(request.head!.headers);
    this.#asked = { method: request.method, header: (name) => headers.get(name) };
    this.#requestMs = options.services.wallMs();
  }

  /** Before the request goes on. */
  begin(): void {
    const { call, stored, store, uri } = this.#options;
    call.editResponse(this);
    call.hold((next) => {
      this.#next = next;
      return this;
    });
    if (stored === undefined) {
      if (store.of(uri).length > 0) this.#reasonToForward = "vary-miss";
      return;
    }
    this.#reasonToForward = stored.ageMs < stored.lifetimeMs ? "request" : "stale";
    this.#askWhether(stored);
  }

  get connection(): DownstreamConnection {
    return this.#next.connection;
  }

  get requestBytes(): number {
    return this.#next.requestBytes;
  }

  get responseBytes(): number {
    return this.#next.responseBytes;
  }

  /** Sees the fields as the route has changed them, before filters do that stand before the cache. */
  editResponse(status: number, headers: HeaderBlock): void {
    const { services, flight } = this.#options;
    this.#responseMs = services.wallMs();
    this.#status = status;
    if (this.#takesStored(status, headers)) return;
    const ageMs = this.#ageOf(status, headers);
    const refusal = this.#refusalOf(status, headers);
    if (refusal === undefined) {
      this.#state = { kind: "recording", fields: keptFields(headers, this.#responseMs), ageMs };
    } else {
      this.#state = PASSING;
      flight?.refused(services.nowMs());
      this.#forgetStored(status);
    }
    headers.add(forwardStatus(this.#reasonToForward, refusal === undefined, undefined, refusal));
  }

  sendHead(head: ResponseHead): void {
    const state = this.#state;
    if (state.kind === "replaying") {
      this.#sendStoredHead(state.stored, head.headers, head);
      return;
    }
    this.#reason = head.reason;
    const isTooLarge = head.contentLength > this.#options.rule.objectBytesMax;
    if (state.kind === "recording" && isTooLarge) this.#stopRecording();
    this.#next.sendHead(head);
  }

  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    if (this.#state.kind !== "replaying") {
      this.#abandon();
      this.#next.sendLocal(status, headers, body);
      return;
    }
    this.#sendStoredHead(this.#state.stored, headers, this.#head);
    this.#pump();
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    if (this.#state.kind === "replaying") return true;
    if (this.#state.kind === "recording") {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
      this.#bytes += end - start;
      if (this.#bytes > this.#options.rule.objectBytesMax) this.#stopRecording();
    }
    return this.#next.sendBody(bytes, start, end);
  }

  /** RFC 9111 section 3.3: only what is complete is kept. Trailers are passed on, and not kept (RFC 9110 section 6.5.1). */
  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#state.kind === "replaying") {
      this.#pump();
      return;
    }
    if (this.#state.kind === "recording") this.#keep(this.#state);
    this.#next.sendEnd(trailers);
  }

  onDrain(): boolean {
    if (this.#replay === undefined) return true;
    if (this.isHolding && this.#replay.pump()) {
      this.isHolding = false;
      this.#options.call.onAnswerSent();
    }
    return false;
  }

  release(): void {
    this.isHolding = false;
    this.#abandon();
  }

  reset(): void {
    this.#abandon();
    this.#next.reset();
  }

  closeAfterResponse(): void {
    this.#next.closeAfterResponse();
  }

  sendInterim(head: ResponseHead): void {
    this.#next.sendInterim(head);
  }

  pauseRequest(): void {
    this.#next.pauseRequest();
  }

  resumeRequest(): void {
    this.#next.resumeRequest();
  }

  /** RFC 9111 section 4.3.1. What the client has is held against what is stored afterwards. */
  #askWhether(stored: StoredResponse): void {
    const etag = stored.header("etag");
    const changed = stored.header("last-modified");
    if (etag === undefined && changed === undefined) return;
    this.#isValidating = true;
    const { headers } = this.#options.call.request.head!;
    for (const name of CLIENT_CONDITIONS) headers.remove(new HeaderName(name));
    if (etag !== undefined) headers.set(new HeaderField(IF_NONE_MATCH, etag));
    if (changed !== undefined) headers.set(new HeaderField(IF_MODIFIED_SINCE, changed));
  }

  /** Whether the client gets the stored response instead of this one. */
  #takesStored(status: number, headers: HeaderBlock): boolean {
    const { stored, rule, services, flight } = this.#options;
    if (stored === undefined) return false;
    const { cache } = services.metrics;
    if (status === 304 && this.#isValidating) {
      this.#validate(stored, headers);
      cache.revalidated.value += 1;
      const cookies = cookiesIn(headers);
      this.#replaceBy(stored, status, headers);
      for (const cookie of cookies) headers.add(cookie);
      return true;
    }
    stored.ageAt(this.#responseMs);
    const reuse = reuseOf(this.#asked, stored, rule);
    const mayFallBack = reuse.kind === "validate" ? reuse.isFallback : true;
    if (status < FAILURE_STATUS_MIN || stored.isInvalid || !mayFallBack) return false;
    cache.staleOnError.value += 1;
    this.#replaceBy(stored, status, headers);
    flight?.failed();
    return true;
  }

  /** What a 304 says of the stored response holds for later requests; those who wait are told what is left for them. */
  #validate(stored: StoredResponse, headers: HeaderBlock): void {
    const { rule, services, store, flight } = this.#options;
    // RFC 9111 section 4.3.4: one that speaks of another response changes nothing, and this one is out of date.
    if (!isSameResponse(stored.header, (name) => headers.get(name))) {
      store.remove(stored);
      flight?.failed();
      return;
    }
    const times = { ageMs: this.#ageOf(304, headers), responseMs: this.#responseMs };
    if (updateStored(stored, this.#asked, headers, times, rule)) {
      store.resize(stored);
      flight?.stored();
    } else {
      store.remove(stored);
      flight?.refused(services.nowMs());
    }
  }

  #replaceBy(stored: StoredResponse, status: number, headers: HeaderBlock): void {
    stored.ageAt(this.#responseMs);
    const part = answerFrom(stored, this.#asked, this.#head, this.#responseMs);
    headers.clear();
    this.#head.headers.forEach((name, value) => {
      headers.add(new HeaderField(new HeaderName(name), value));
    });
    headers.add(forwardStatus(this.#reasonToForward, false, status));
    this.#state = { kind: "replaying", stored, part };
  }

  /** `headers` are those of the answer, with what others have added to the stored ones. */
  #sendStoredHead(stored: StoredResponse, headers: HeaderBlock, head: ResponseHead): void {
    const made = this.#head;
    // The proxy has dated what it took for an answer of its own.
    const date = stored.header("date");
    if (date !== undefined) headers.set(new HeaderField(DATE, date));
    head.status = made.status;
    head.reason = made.reason;
    head.bodyKind = made.bodyKind;
    head.contentLength = made.contentLength;
    this.#options.call.outcome.status = made.status;
    if (head.headers === headers) this.#next.sendHead(head);
    else this.#sendHeadWith(headers);
  }

  #sendHeadWith(headers: HeaderBlock): void {
    const { headers: own } = this.#head;
    own.clear();
    headers.forEach((name, value) => {
      own.add(new HeaderField(new HeaderName(name), value));
    });
    this.#next.sendHead(this.#head);
  }

  #pump(): void {
    if (this.#state.kind !== "replaying") return;
    const { stored, part } = this.#state;
    this.#replay = new StoredBody(this.#next, stored.body, part);
    this.isHolding = !this.#replay.pump();
  }

  #ageOf(status: number, headers: HeaderBlock): number {
    const times = { requestMs: this.#requestMs, responseMs: this.#responseMs };
    return initialAgeMs({ status, header: (name) => headers.get(name) }, times);
  }

  #refusalOf(status: number, headers: HeaderBlock): string | undefined {
    const { rule } = this.#options;
    const response = { status, header: (name: string) => headers.get(name) };
    const control = responseControl(response.header, rule.targetedFields);
    const lifetimeMs = freshnessLifetimeMs(response, control, rule, this.#responseMs);
    return (
      storabilityRefusal(this.#asked, response, control, rule, lifetimeMs) ??
      (parseVary(headers.get("vary")) === undefined ? "vary" : undefined)
    );
  }

  #keep({ fields, ageMs }: State & { kind: "recording" }): void {
    const { rule, services, store, uri, identity, flight, stored } = this.#options;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [];
    const valuesOf = (lower: string): string =>
      fields
        .filter(({ name }) => name.lower === lower)
        .map(({ value }) => value)
        .join(",");
    const varyNames = parseVary(valuesOf("vary")) ?? [];
    const key = {
      uri,
      identity,
      varyNames,
      varyValues: varyingValues(varyNames, (name) => this.#asked.header(name)),
    };
    const tags = rule.tagHeader === "" ? [] : tagsIn(valuesOf(rule.tagHeader));
    const head = { status: this.#status, reason: this.#reason, ageMs };
    if (stored !== undefined) store.remove(stored);
    const made = new StoredResponse(key, head, fields, body, tags, rule, this.#responseMs);
    if (store.put(made)) services.metrics.cache.stored.value += 1;
    this.#state = PASSING;
    flight?.stored();
  }

  /** It is not what upstream has any more. */
  #forgetStored(status: number): void {
    const { stored, store } = this.#options;
    if (stored !== undefined && status < FAILURE_STATUS_MIN && status !== 304 && status !== 206) {
      store.remove(stored);
    }
  }

  #stopRecording(): void {
    this.#state = PASSING;
    this.#chunks = [];
    this.#options.flight?.refused(this.#options.services.nowMs());
  }

  #abandon(): void {
    if (this.#state.kind === "head" || this.#state.kind === "recording") this.#state = PASSING;
    this.#chunks = [];
    this.#options.flight?.failed();
  }
}

/** They are for the client that asked: it gets them with the stored response, which does not keep them. */
function cookiesIn(headers: HeaderBlock): readonly HeaderField[] {
  const cookies: HeaderField[] = [];
  headers.forEach((name, value) => {
    if (name.toLowerCase() === SET_COOKIE.lower) cookies.push(new HeaderField(SET_COOKIE, value));
  });
  return cookies;
}

/** Separated by white space or commas. */
function tagsIn(value: string): readonly string[] {
  const tags = new Set<string>();
  for (const tag of value.split(/[\s,]+/)) {
    if (tag !== "" && tag.length <= CACHE_TAG_LENGTH_MAX) tags.add(tag);
    if (tags.size === CACHE_TAGS_MAX) break;
  }
  return [...tags];
}
