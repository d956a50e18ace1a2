/** Where one request stands among the filters of its listener. Made for the first request that meets any, then used again. */
import { assert } from "../../core/assert.ts";
import { type FilterRule, ruleOfRoute } from "../../decision/filters/filter-rule.ts";
import type { RouteMatchResult } from "../../decision/route-table.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ExchangeAnswer } from "../exchange-answer.ts";
import type { LocalReply } from "../local-reply.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { ServerStream } from "../stream.ts";
import type { FilterChain } from "./filter-chain.ts";
import {
  type FilterCall,
  type FilterWait,
  GO_ON,
  type RequestTransform,
  type ResponseEditor,
  WAITS,
} from "./http-filter.ts";

/** What the filters of a request belong to. */
export interface FilterRunOwner {
  readonly request: RoutedRequest;
  readonly outcome: RequestOutcome;
  readonly answer: ExchangeAnswer;
  readonly match: RouteMatchResult | undefined;
  /** All filters let the request pass. */
  onFiltersPassed(): void;
  reply(reply: LocalReply, reason: string): void;
  sendOwn(status: number, details: string, headers: HeaderBlock, body: string): void;
  transformRequest(transform: RequestTransform): void;
  /** Looks the route up again. */
  rematch(): void;
}

const NO_FILTERS: FilterChain = [];

export class FilterRun implements FilterCall {
  readonly #owner: FilterRunOwner;
  #filters: FilterChain = NO_FILTERS;
  /** Index of the filter whose turn it is. */
  #at = 0;
  #wait: FilterWait | undefined;

  constructor(owner: FilterRunOwner) {
    this.#owner = owner;
  }

  get request(): RoutedRequest {
    return this.#owner.request;
  }

  get outcome(): RequestOutcome {
    return this.#owner.outcome;
  }

  get match(): RouteMatchResult | undefined {
    return this.#owner.match;
  }

  get ofRoute(): FilterRule | undefined {
    const override = ruleOfRoute(this.#owner.match?.route, this.#filters[this.#at]!.name);
    return override === "disabled" ? undefined : override;
  }

  get isWaiting(): boolean {
    return this.#wait !== undefined;
  }

  begin(filters: FilterChain): void {
    this.#filters = filters;
    this.#at = 0;
    this.#run();
  }

  /** The request has ended. */
  cancel(): void {
    const wait = this.#wait;
    this.#wait = undefined;
    this.#filters = NO_FILTERS;
    wait?.cancel();
  }

  answer(reply: LocalReply, reason: string): void {
    this.#wait = undefined;
    this.#owner.reply(reply, reason);
  }

  answerWith(status: number, details: string, headers: HeaderBlock, body: string): void {
    this.#wait = undefined;
    this.#owner.sendOwn(status, details, headers, body);
  }

  waitFor(wait: FilterWait): void {
    assert(this.#wait === undefined, "a request waits for one thing at a time");
    this.#wait = wait;
  }

  proceed(): void {
    assert(this.#wait !== undefined, "only a request that waits goes on");
    this.#wait = undefined;
    this.#at += 1;
    this.#run();
  }

  editResponse(editor: ResponseEditor): void {
    this.#owner.answer.editBy(editor);
  }

  intercept(wrap: (next: ServerStream) => ServerStream): void {
    const { answer } = this.#owner;
    answer.stream = wrap(answer.stream);
  }

  transformRequest(transform: RequestTransform): void {
    this.#owner.transformRequest(transform);
  }

  reroute(): void {
    this.#owner.rematch();
  }

  #run(): void {
    const filters = this.#filters;
    for (; this.#at < filters.length; this.#at++) {
      const { name, filter, isDisabled } = filters[this.#at]!;
      const override = ruleOfRoute(this.#owner.match?.route, name);
      if (override === "disabled" || (isDisabled && override === undefined)) continue;
      const verdict = filter.onRequest(this);
      if (verdict === GO_ON) continue;
      assert(verdict !== WAITS || this.#wait !== undefined, "who waits says for what");
      return;
    }
    this.#owner.onFiltersPassed();
  }
}
