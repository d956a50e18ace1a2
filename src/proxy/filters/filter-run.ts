/** Where one request stands among the filters of its listener. Made for the first request that meets any, then used again. */
import { assert } from "../../core/assert.ts";
import { TimerEntry, type TimerWheel } from "../../core/timer-wheel.ts";
import { type FilterRule, ruleOfRoute } from "../../decision/filters/filter-rule.ts";
import type { RouteMatchResult } from "../../decision/route-table.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderName } from "../../http/header-field.ts";
import { ResponseHead } from "../../http/response-head.ts";
import { type FaultOwner, guarded } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import type { ExchangeAnswer } from "../exchange-answer.ts";
import type { LocalReply } from "../local-reply.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RequestRoute } from "../request-route.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { ServerStream } from "../stream.ts";
import type { FilterChain } from "./filter-chain.ts";
import {
  type DelayHandler,
  type EndWatcher,
  type FilterCall,
  type FilterWait,
  GO_ON,
  type HoldingStream,
  type RequestPacer,
  type RequestPath,
  type RequestSink,
  type RequestTransform,
  type ResponseEditor,
  WAITS,
} from "./http-filter.ts";

/** What the filters of a request belong to. */
export interface FilterRunOwner extends FaultOwner, RequestSink {
  readonly request: RoutedRequest;
  readonly outcome: RequestOutcome;
  readonly answer: ExchangeAnswer;
  readonly route: RequestRoute;
  /** All filters let the request pass. */
  onFiltersPassed(): void;
  reply(reply: LocalReply, reason: string): void;
  sendOwn(status: number, details: string, headers: HeaderBlock, body: string): void;
  transformRequest(transform: RequestTransform): void;
  /** A head and, from a stream that holds it, a body. */
  sendStored(head: ResponseHead, details: string): void;
  /** Ends the client's stream without an answer, or in the middle of one. */
  breakOff(flag: number, details: string, reason: string): void;
  /** The upstream may go on with its answer. */
  resumeAnswer(): void;
  /** What filters kept of a complete answer has been sent. */
  onAnswerSent(): void;
}

/** What every listener has. */
export interface FilterRunServices {
  readonly timers: { readonly request: TimerWheel };
  readonly clusters: ReadonlyMap<string, Cluster>;
}

const NO_FILTERS: FilterChain = [];
const EXPECT = new HeaderName("expect");

/** The one delay of a request at a time. Made for the first request of an exchange that is delayed. */
class Delay implements FilterWait {
  readonly #wheel: TimerWheel;
  readonly #entry: TimerEntry;
  #handler: DelayHandler | undefined;

  constructor(wheel: TimerWheel, call: FilterCall) {
    this.#wheel = wheel;
    this.#entry = new TimerEntry(
      guarded(call.faults, () => {
        const handler = this.#handler;
        this.#handler = undefined;
        handler?.onDelayOver(call);
      }),
    );
  }

  begin(ms: number, handler: DelayHandler): void {
    this.#handler = handler;
    this.#wheel.arm(this.#entry, ms);
  }

  cancel(): void {
    const handler = this.#handler;
    this.stop();
    handler?.onDelayCancelled();
  }

  /** What it was for has come about. */
  stop(): void {
    this.#handler = undefined;
    this.#wheel.disarm(this.#entry);
  }
}

export class FilterRun implements FilterCall {
  readonly #owner: FilterRunOwner;
  readonly #services: FilterRunServices;
  #filters: FilterChain = NO_FILTERS;
  /** Index of the filter whose turn it is. */
  #at = 0;
  #wait: FilterWait | undefined;
  #delay: Delay | undefined;
  /** From the one before the codec outwards. Most requests have none. */
  #held: HoldingStream[] | undefined;
  #watchers: EndWatcher[] | undefined;
  /** From the one before the route outwards: the last gets what the client sends. */
  #pacers: RequestPacer[] | undefined;

  constructor(owner: FilterRunOwner, services: FilterRunServices) {
    this.#owner = owner;
    this.#services = services;
  }

  get request(): RoutedRequest {
    return this.#owner.request;
  }

  get outcome(): RequestOutcome {
    return this.#owner.outcome;
  }

  get match(): RouteMatchResult | undefined {
    return this.#owner.route.match;
  }

  get cluster(): string {
    return this.#owner.route.cluster;
  }

  get faults(): FaultOwner {
    return this.#owner;
  }

  get ofRoute(): FilterRule | undefined {
    const override = ruleOfRoute(this.match?.route, this.#filters[this.#at]!.name);
    return override === "disabled" ? undefined : override;
  }

  /** A whole answer has been given to filters, and they have not handed on all of it. */
  get isHolding(): boolean {
    const held = this.#held;
    if (held === undefined) return false;
    for (let i = 0; i < held.length; i++) if (held[i]!.isHolding) return true;
    return false;
  }

  begin(filters: FilterChain): void {
    this.#filters = filters;
    this.#at = 0;
    this.#run();
  }

  /** Who gets the body of the request, undefined for the exchange itself. */
  get pacer(): RequestPacer | undefined {
    return this.#pacers?.at(-1);
  }

  /** The way behind the filters has room again. Returns false where that is the client's own affair. */
  onRequestRoom(): boolean {
    if (this.#pacers === undefined) return false;
    this.#pacers[0]!.onRoom();
    return true;
  }

  /** The request has ended. */
  cancel(): void {
    const pacers = this.#pacers;
    this.#pacers = undefined;
    if (pacers !== undefined) for (let i = 0; i < pacers.length; i++) pacers[i]!.release();
    const wait = this.#wait;
    this.#wait = undefined;
    this.#filters = NO_FILTERS;
    wait?.cancel();
    this.#tellEnd();
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (let i = 0; i < held.length; i++) held[i]!.release();
  }

  /** The codec takes more. Returns whether the source of the answer may go on. */
  onDrain(): boolean {
    return this.#drainFrom(0);
  }

  answer(reply: LocalReply, reason: string): void {
    this.#settle();
    this.#owner.reply(reply, reason);
  }

  answerStored(head: ResponseHead, details: string): void {
    this.#settle();
    this.#owner.sendStored(head, details);
  }

  answerWith(status: number, details: string, headers: HeaderBlock, body: string): void {
    this.#settle();
    this.#owner.sendOwn(status, details, headers, body);
  }

  reset(flag: number, details: string): void {
    this.#settle();
    this.#owner.breakOff(flag, details, "");
  }

  delay(ms: number, handler: DelayHandler): void {
    this.#delay ??= new Delay(this.#services.timers.request, this);
    if (this.#wait !== this.#delay) this.waitFor(this.#delay);
    this.#delay.begin(ms, handler);
  }

  waitFor(wait: FilterWait): void {
    assert(this.#wait === undefined, "a request waits for one thing at a time");
    this.#wait = wait;
  }

  proceed(): void {
    assert(this.#wait !== undefined, "only a request that waits goes on");
    this.#endWait();
    this.#at += 1;
    this.#run();
  }

  editResponse(editor: ResponseEditor): void {
    this.#owner.answer.editBy(editor);
  }

  watchEnd(watcher: EndWatcher): void {
    this.#watchers ??= [];
    this.#watchers.push(watcher);
  }

  intercept(wrap: (next: ServerStream) => ServerStream): void {
    const { answer } = this.#owner;
    answer.stream = wrap(answer.stream);
  }

  hold(wrap: (next: ServerStream) => HoldingStream): void {
    const { answer } = this.#owner;
    const stream = wrap(answer.stream);
    answer.stream = stream;
    this.#held ??= [];
    this.#held.push(stream);
  }

  resumeAnswer(stream: HoldingStream): void {
    const at = this.#held?.indexOf(stream) ?? -1;
    if (at >= 0 && this.#drainFrom(at + 1)) this.#owner.resumeAnswer();
  }

  onAnswerSent(): void {
    if (!this.isHolding) this.#owner.onAnswerSent();
  }

  pace(wrap: (path: RequestPath) => RequestPacer): void {
    this.#pacers ??= [];
    const pacers = this.#pacers;
    const place = pacers.length;
    const inner = pacers.at(-1);
    const owner = this.#owner;
    const resume = (): void => {
      const outer = pacers[place + 1];
      if (outer === undefined) owner.answer.stream.resumeRequest();
      else outer.onRoom();
    };
    pacers.push(wrap({ next: inner ?? owner, resume }));
  }

  continueRequest(): void {
    const head = this.request.head!;
    if (!head.expectsContinue) return;
    // RFC 9110 section 10.1.1: the client is answered here, and no upstream is asked to do so again.
    head.expectsContinue = false;
    head.headers.remove(EXPECT);
    this.#owner.answer.stream.sendInterim(continueHead());
  }

  transformRequest(transform: RequestTransform): void {
    this.#owner.transformRequest(transform);
  }

  reroute(): void {
    this.#owner.route.lookUpAgain();
  }

  #tellEnd(): void {
    const watchers = this.#watchers;
    if (watchers === undefined) return;
    for (let i = 0; i < watchers.length; i++) watchers[i]!.onRequestEnd();
    watchers.length = 0;
  }

  /** No upstream will see the request: metrics and logs are told where it would have gone. */
  #settle(): void {
    this.#endWait();
    const { outcome, match, cluster } = this;
    outcome.routeName = match?.route.name ?? "";
    outcome.clusterName = cluster;
    outcome.service = this.#services.clusters.get(cluster)?.service;
  }

  #endWait(): void {
    if (this.#wait === undefined) return;
    this.#wait = undefined;
    this.#delay?.stop();
  }

  #drainFrom(at: number): boolean {
    const held = this.#held;
    if (held === undefined) return true;
    for (let i = at; i < held.length; i++) if (!held[i]!.onDrain()) return false;
    return true;
  }

  #run(): void {
    const filters = this.#filters;
    for (; this.#at < filters.length; this.#at++) {
      const { name, filter, isDisabled } = filters[this.#at]!;
      const override = ruleOfRoute(this.match?.route, name);
      if (override === "disabled" || (isDisabled && override === undefined)) continue;
      const verdict = filter.onRequest(this);
      if (verdict === GO_ON) continue;
      assert(verdict !== WAITS || this.#wait !== undefined, "who waits says for what");
      return;
    }
    this.#owner.onFiltersPassed();
  }
}

function continueHead(): ResponseHead {
  const head = new ResponseHead();
  head.status = 100;
  head.reason = "Continue";
  return head;
}
