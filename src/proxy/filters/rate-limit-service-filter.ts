/** Envoy's rate limit filter: asks a service whether a request is within limits that all proxies share, and waits. */
import type {
  RateLimitServiceRouteRule,
  RateLimitServiceRule,
  RouteLimits,
  StagedLimit,
} from "../../decision/filters/rate-limit-service-rule.ts";
import { NO_MUTATIONS } from "../../decision/header-mutation.ts";
import { GRPC_STATUS } from "../../telemetry/grpc-status.ts";
import { guarded } from "../callback-faults.ts";
import { GrpcCall, type GrpcCallHandler } from "../grpc-call.ts";
import { LOCAL_REPLY, type LocalReply } from "../local-reply.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  type FilterWait,
  GO_ON,
  type HttpFilter,
  WAITS,
} from "./http-filter.ts";
import { addPairs, ServiceHeaders } from "./rate-limit-service-headers.ts";
import {
  CODE_OVER_LIMIT,
  type LimitAnswer,
  LimitRequestWriter,
  readLimitAnswer,
  SHOULD_RATE_LIMIT,
} from "./rate-limit-service-message.ts";

export class RateLimitServiceFilter implements HttpFilter {
  readonly #rule: RateLimitServiceRule;
  readonly #services: FilterServices;
  readonly #writer = new LimitRequestWriter();
  readonly #limited: LocalReply;
  readonly #failed: LocalReply;

  constructor(rule: RateLimitServiceRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
    const { status, failureStatus, isExhausted } = rule;
    const grpcStatus = isExhausted ? GRPC_STATUS.resourceExhausted : GRPC_STATUS.unavailable;
    this.#limited = { ...LOCAL_REPLY.serviceRateLimited, status, grpcStatus };
    this.#failed = { ...LOCAL_REPLY.rateLimitServiceFailed, status: failureStatus };
  }

  onRequest(call: FilterCall): FilterVerdict {
    const route = call.match?.route;
    if (route?.rateLimits === undefined || route.action.kind !== "forward") return GO_ON;
    const rule = this.#rule;
    if (!isMeant(rule, call.request.header("x-envoy-internal") === "true")) return GO_ON;
    const { ofRoute } = call;
    const own = ofRoute?.kind === "rate-limit-service-route" ? ofRoute : undefined;
    const domain = own?.domain || rule.domain;
    const message = this.#messageOf(call, route.rateLimits, domain, own?.hostLimits);
    if (message === undefined) return GO_ON;
    const { clusters, nowMs, timers, faults } = this.#services;
    const cluster = clusters.get(rule.cluster);
    if (cluster === undefined) return this.#onFailure(call, domain, `no cluster ${rule.cluster}`);
    const waiting = new WaitingRequest(this, call, domain);
    const { timeoutMs, cluster: authority } = rule;
    const asked = new GrpcCall(
      ...[
        {
          cluster,
          authority,
          message,
          timeoutMs,
          nowMs,
          timers,
          faults,
          method: SHOULD_RATE_LIMIT,
        },
      ],
      waiting,
    );
    const failure = asked.start();
    if (failure !== undefined) return this.#onFailure(call, domain, failure);
    waiting.asked = asked;
    call.waitFor(waiting);
    return WAITS;
  }

  onAnswer(call: FilterCall, domain: string, answer: LimitAnswer): void {
    const { tellsLimit, marksRefusals, responseMutations } = this.#rule;
    const counters = this.#services.metrics.rateLimitService.countersOf(domain);
    const { code, states, requestHeaders, responseHeaders: headers } = answer;
    const isOver = code === CODE_OVER_LIMIT;
    if (tellsLimit || isOver || headers.length > 0) {
      const mutations = isOver ? responseMutations : NO_MUTATIONS;
      const isMarked = isOver && marksRefusals;
      call.editResponse(
        new ServiceHeaders({
          ...{ states, headers, tellsLimit, mutations },
          ...{ isRefusal: isOver, isMarked },
        }),
      );
    }
    if (isOver) {
      counters.overLimit.value += 1;
      call.answer(this.#limited, domain);
      return;
    }
    counters.ok.value += 1;
    addPairs(requestHeaders, call.request.head!.headers);
    call.proceed();
  }

  /** The service has not answered, or nothing that can be read. */
  onNoAnswer(call: FilterCall, domain: string, reason: string): void {
    if (this.#onFailure(call, domain, reason) === GO_ON) call.proceed();
  }

  #onFailure(call: FilterCall, domain: string, reason: string): FilterVerdict {
    const counters = this.#services.metrics.rateLimitService.countersOf(domain);
    counters.error.value += 1;
    if (this.#rule.deniesOnFailure) {
      call.answer(this.#failed, reason);
      return ANSWERED;
    }
    counters.failureModeAllowed.value += 1;
    return GO_ON;
  }

  #messageOf(
    { request, outcome }: FilterCall,
    { own, ofHost }: RouteLimits,
    domain: string,
    hostLimits: RateLimitServiceRouteRule["hostLimits"] = "override",
  ): Uint8Array | undefined {
    const writer = this.#writer;
    writer.begin(domain);
    const { stage } = this.#rule;
    const { connection } = outcome;
    addAll(own);
    if (hostLimits === "include" || (hostLimits === "override" && own.length === 0)) addAll(ofHost);
    return writer.finish();

    function addAll(limits: readonly StagedLimit[]): void {
      for (let i = 0; i < limits.length; i++) {
        const limit = limits[i]!;
        if (limit.stage === stage) writer.add(limit.rule, request, connection);
      }
    }
  }
}

/** One request that waits for the service. */
class WaitingRequest implements FilterWait, GrpcCallHandler {
  readonly #filter: RateLimitServiceFilter;
  readonly #call: FilterCall;
  readonly #domain: string;
  readonly #settle: (answer: LimitAnswer | undefined, reason: string) => void;
  asked: GrpcCall | undefined;

  constructor(filter: RateLimitServiceFilter, call: FilterCall, domain: string) {
    this.#filter = filter;
    this.#call = call;
    this.#domain = domain;
    // What goes wrong behind the answer is the client's connection's, not the service's.
    this.#settle = guarded(call.faults, (answer, reason) => this.#onSettled(answer, reason));
  }

  cancel(): void {
    this.asked?.cancel();
  }

  onGrpcReply(message: Buffer): void {
    this.#settle(readLimitAnswer(message), "the answer cannot be read");
  }

  onGrpcFailure(_status: number, reason: string): void {
    this.#settle(undefined, reason);
  }

  #onSettled(answer: LimitAnswer | undefined, reason: string): void {
    // As in Envoy, an answer without a code lets the request pass.
    if (answer !== undefined) this.#filter.onAnswer(this.#call, this.#domain, answer);
    else this.#filter.onNoAnswer(this.#call, this.#domain, reason);
  }
}

function isMeant({ requestType }: RateLimitServiceRule, isInternal: boolean): boolean {
  return requestType === "both" || (requestType === "internal") === isInternal;
}
