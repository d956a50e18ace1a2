/**
 * Envoy's adaptive concurrency: a listener gives its upstream as many requests at a time as that can do, and refuses
 * the rest at once, the least important first. A request counts until its answer begins: a stream that stays open
 * takes nobody's place.
 */
import type { ConcurrencyRule } from "../../decision/filters/admission-concurrency-rule.ts";
import { PRIORITY_NAMES } from "../../decision/filters/admission-rule.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { LOCAL_REPLY, type LocalReply } from "../local-reply.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import { ConcurrencyController } from "./concurrency-controller.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type EndWatcher,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
  type ResponseEditor,
} from "./http-filter.ts";

/** Seconds: what is too much now may not be in a moment (RFC 9110 section 10.2.3). */
const RETRY_AFTER = new HeaderField(new HeaderName("retry-after"), "1");

const REASONS = PRIORITY_NAMES.map((name) => `class ${name}`);

class RetryAfter implements ResponseEditor {
  editResponse(_status: number, headers: HeaderBlock): void {
    headers.set(RETRY_AFTER);
  }
}

const TELLS_WHEN = new RetryAfter();

/** One that was let through. */
class Admitted implements ResponseEditor, EndWatcher {
  readonly #controller: ConcurrencyController;
  readonly #outcome: RequestOutcome;
  readonly #nowMs: () => number;
  readonly #wasCalm: boolean;
  #isUnderWay = true;

  constructor(controller: ConcurrencyController, outcome: RequestOutcome, nowMs: () => number) {
    this.#controller = controller;
    this.#outcome = outcome;
    this.#nowMs = nowMs;
    this.#wasCalm = controller.isCalm;
  }

  /** The answer begins. */
  editResponse(): void {
    if (!this.#isUnderWay) return;
    this.#release();
    const { upstreamTimeMs, flag } = this.#outcome;
    if (upstreamTimeMs < 0 || flag !== FLAG.none) return;
    this.#controller.onLatency(upstreamTimeMs, this.#wasCalm, this.#nowMs());
  }

  onRequestEnd(): void {
    if (this.#isUnderWay) this.#release();
  }

  #release(): void {
    this.#isUnderWay = false;
    this.#controller.release();
  }
}

export class ConcurrencyFilter implements HttpFilter {
  readonly #rule: ConcurrencyRule;
  readonly #services: FilterServices;
  readonly #controller: ConcurrencyController;
  readonly #reply: LocalReply;

  constructor(rule: ConcurrencyRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
    this.#controller = new ConcurrencyController(rule.gradient, services.prng);
    this.#reply = { ...LOCAL_REPLY.concurrencyLimit, status: rule.status };
  }

  get isEnabled(): boolean {
    return this.#rule.isEnabled;
  }

  /** Requests that the upstream gets at a time. */
  get limit(): number {
    return this.#controller.limit;
  }

  /** Latency of the upstream with little to do, in milliseconds; 0 while it is not known. */
  get baseMs(): number {
    return this.#controller.baseMs;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { request, outcome } = call;
    // A tunnel's work cannot be told from its silence.
    if (!this.#rule.isEnabled || request.isForTunnel) return GO_ON;
    const { nowMs, metrics } = this.#services;
    const { priority } = outcome;
    if (!this.#controller.tryAdmit(priority, nowMs())) {
      metrics.concurrency.shed[priority]!.value += 1;
      call.editResponse(TELLS_WHEN);
      call.answer(this.#reply, REASONS[priority]!);
      return ANSWERED;
    }
    metrics.concurrency.admitted[priority]!.value += 1;
    const admitted = new Admitted(this.#controller, outcome, nowMs);
    call.editResponse(admitted);
    call.watchEnd(admitted);
    return GO_ON;
  }
}
