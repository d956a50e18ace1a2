/**
 * The ADS client of the sidecar: keeps one stream to the control plane, tells it what is wanted, hands what
 * comes to the consumer, and answers with ACK or NACK. When the stream is lost, what was applied stays.
 */
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import type { AdsClientState, TypeState } from "./ads-client-state.ts";
import type { GrpcClientFactory } from "./channel-options.ts";
import type { Answer, ClientProtocol } from "./client-protocol.ts";
import { ClientType, type NormalizedResponse, type PreparedUpdate } from "./client-type.ts";
import { deltaProtocol } from "./delta-protocol.ts";
import { INITIAL_FETCH_TIMEOUT_MS } from "./limits.ts";
import { nackText } from "./nack-text.ts";
import { ReconnectingStream } from "./reconnecting-stream.ts";
import type { ResourceConsumer, ResourceError, ResourceUpdate } from "./resource-consumer.ts";
import { sotwProtocol } from "./sotw-protocol.ts";
import { PUSH_ORDER, shortTypeName } from "./type-urls.ts";

export interface AdsClientOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly createClient: GrpcClientFactory;
  readonly node: Node;
  readonly consumer: ResourceConsumer;
  readonly protocol: "delta" | "sotw";
}

type Counters = Omit<TypeState, "resourceCount" | "version">;

const NO_COUNTERS: Counters = { updates: 0, rejections: 0 };

export class AdsClient {
  readonly #options: AdsClientOptions;
  readonly #protocol: ClientProtocol;
  readonly #stream: ReconnectingStream;
  readonly #types = new Map<string, ClientType>();
  readonly #counters = new Map<string, Counters>();
  #isStopped = false;
  #isOpen = false;
  #isNodeSent = false;
  #isFlushScheduled = false;
  #isHandling = false;
  /** Responses that came while one was being applied. */
  #waiting: Uint8Array[] = [];
  /** Of the stream that is open: a nonce means nothing on another. */
  #streamNumber = 0;
  #connectedSinceMs: number | undefined;
  #lastError: AdsClientState["lastError"];

  constructor(options: AdsClientOptions) {
    this.#options = options;
    this.#protocol = options.protocol === "delta" ? deltaProtocol : sotwProtocol;
    this.#stream = new ReconnectingStream({
      path: this.#protocol.path,
      createClient: options.createClient,
      clock: options.clock,
      prng: options.prng,
      onOpen: () => this.#onOpen(),
      onMessage: (bytes) => this.#onMessage(bytes),
      onClose: (reason) => this.#onClose(reason),
    });
  }

  start(): void {
    this.#stream.start();
  }

  /** Ends the stream. The consumer keeps what it has. */
  stop(): void {
    this.#isStopped = true;
    this.#isOpen = false;
    this.#waiting = [];
    this.#connectedSinceMs = undefined;
    this.#stream.stop();
  }

  /** Another process is about to speak for this proxy: the stream is not opened again until `resume`. */
  hold(): void {
    this.#stream.hold();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** As `ReconnectingStream.hurry`. */
  hurry(): void {
    this.#stream.hurry();
  }

  /** Asks for resources by name, or for all of the type with `"*"`. Adds to what was asked for before. */
  subscribe(typeUrl: string, names: readonly string[] | "*"): void {
    let type = this.#types.get(typeUrl);
    if (type === undefined) {
      type = new ClientType(typeUrl);
      this.#types.set(typeUrl, type);
    }
    const fresh = type.subscribe(names === "*" ? ["*"] : names);
    if (fresh.length > 0) this.#watchForMissing(type, fresh);
    this.#scheduleFlush();
  }

  /** The client forgets the resources; the consumer is not called for them. */
  unsubscribe(typeUrl: string, names: readonly string[] | "*"): void {
    this.#types.get(typeUrl)?.unsubscribe(names === "*" ? ["*"] : names);
    this.#scheduleFlush();
  }

  get state(): AdsClientState {
    const types = new Map<string, TypeState>();
    for (const { typeUrl, known, version } of this.#types.values()) {
      const counters = this.#counters.get(typeUrl) ?? NO_COUNTERS;
      types.set(typeUrl, { ...counters, resourceCount: known.size, version });
    }
    return {
      connected: this.#connectedSinceMs !== undefined,
      ...(this.#connectedSinceMs !== undefined && { connectedSinceMs: this.#connectedSinceMs }),
      ...(this.#lastError && { lastError: this.#lastError }),
      connectAttempts: this.#stream.attempts,
      types,
    };
  }

  #onOpen(): void {
    this.#isOpen = true;
    this.#isNodeSent = false;
    this.#streamNumber += 1;
    for (const type of this.#types.values()) type.beginStream();
    this.#flush();
  }

  #onClose(reason: string): void {
    const wasConnected = this.#connectedSinceMs !== undefined;
    this.#isOpen = false;
    this.#waiting = [];
    this.#connectedSinceMs = undefined;
    this.#lastError = { message: reason, timeMs: this.#options.clock.nowMs() };
    const fields = { reason, attempts: this.#stream.attempts };
    if (wasConnected)
      this.#options.log.warn("lost the control plane, keeping configuration", fields);
    else this.#options.log.debug("cannot reach the control plane", fields);
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#connectedSinceMs === undefined) {
      this.#connectedSinceMs = this.#options.clock.nowMs();
      this.#options.log.info("connected to the control plane");
    }
    if (this.#isHandling) this.#waiting.push(bytes);
    else this.#handle(bytes);
  }

  #handle(bytes: Uint8Array): void {
    let response: NormalizedResponse;
    try {
      response = this.#protocol.decode(bytes, (url) => this.#types.get(url)?.known.keys() ?? []);
    } catch (error) {
      // Without a readable nonce there is nothing to answer.
      this.#options.log.error("unreadable response", { reason: messageOf(error) });
      return;
    }
    const { typeUrl } = response;
    const type = this.#types.get(typeUrl);
    // An answer would be the first request of the type, and so a subscription.
    if (type?.isStarted !== true) {
      this.#options.log.debug("response of a type not asked for", { type: typeUrl });
      return;
    }
    this.#isHandling = true;
    const stream = this.#streamNumber;
    const prepared = type.prepare(response);
    const { changed, removed } = prepared.update;
    const errors = changed.length + removed.length > 0 ? this.#consume(prepared.update) : [];
    if (!(errors instanceof Promise)) {
      this.#finish(type, response, prepared, errors, stream);
      return;
    }
    void errors.then((found) => {
      this.#finish(type, response, prepared, found, stream);
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        this.#handle(next);
        if (this.#isHandling) return;
      }
    });
  }

  /** Everything of the update but what `refused` names was applied. */
  #finish(
    type: ClientType,
    response: NormalizedResponse,
    { update, missing }: PreparedUpdate,
    refused: readonly ResourceError[],
    stream: number,
  ): void {
    type.applied(update, new Set(refused.map(({ name }) => name)));
    if (missing.length > 0) this.#options.consumer.onMissing(type.typeUrl, missing);
    this.#isHandling = false;
    const errors = [...response.errors, ...refused];
    const error = errors.length === 0 ? undefined : nackText(errors);
    if (error === undefined) type.version = response.version;
    this.#count(type.typeUrl, error);
    if (stream !== this.#streamNumber) {
      // The stream that asked is gone; the next one gives what it has anew.
      this.#flush();
      return;
    }
    type.nonce = response.nonce;
    this.#flush(type.typeUrl);
    this.#send(type, { nonce: response.nonce, error });
  }

  #consume(update: ResourceUpdate): readonly ResourceError[] | Promise<readonly ResourceError[]> {
    try {
      return this.#options.consumer.onUpdate(update);
    } catch (error) {
      // A fault of ours: nothing may be taken for applied, and the control plane has to hear of it.
      const message = `internal error: ${messageOf(error)}`;
      this.#options.log.error("applying configuration failed", { reason: message });
      const names = [...update.changed.map(({ name }) => name), ...update.removed];
      return names.map((name) => ({ name, message }));
    }
  }

  #count(typeUrl: string, rejection: string | undefined): void {
    const before = this.#counters.get(typeUrl) ?? NO_COUNTERS;
    const timeMs = this.#options.clock.nowMs();
    if (rejection === undefined) {
      this.#counters.set(typeUrl, { ...before, updates: before.updates + 1, lastUpdateMs: timeMs });
      return;
    }
    const fields = { type: shortTypeName(typeUrl), reason: rejection };
    this.#options.log.warn("refused configuration", fields);
    const lastRejection = { message: rejection, timeMs };
    this.#counters.set(typeUrl, { ...before, rejections: before.rejections + 1, lastRejection });
  }

  #watchForMissing(type: ClientType, names: readonly string[]): void {
    this.#options.clock.schedule(INITIAL_FETCH_TIMEOUT_MS, () => {
      if (this.#isStopped) return;
      const missing = names.filter((name) => type.awaited.delete(name));
      if (missing.length > 0) this.#options.consumer.onMissing(type.typeUrl, missing);
    });
  }

  /** Changes made in one turn travel together. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled || this.#isHandling) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  /** Sends pending subscriptions in the order of pushes, except those of a type whose answer follows anyway. */
  #flush(exceptType?: string): void {
    if (!this.#isOpen) return;
    const rank = (type: ClientType): number =>
      (PUSH_ORDER.indexOf(type.typeUrl) + PUSH_ORDER.length + 1) % (PUSH_ORDER.length + 1);
    for (const type of [...this.#types.values()].sort((a, b) => rank(a) - rank(b))) {
      if (type.isDirty && type.typeUrl !== exceptType) this.#send(type, undefined);
    }
  }

  #send(type: ClientType, answer: Answer | undefined): void {
    if (!this.#isOpen) return;
    type.isDirty = false;
    // A first request without names would mean the wildcard.
    if (!type.isStarted && type.isEmpty) return;
    const node = this.#isNodeSent ? undefined : this.#options.node;
    this.#stream.send(this.#protocol.encode(type, answer, node));
    this.#isNodeSent = true;
    type.isStarted = true;
    type.newNames.clear();
    type.goneNames.clear();
  }
}
