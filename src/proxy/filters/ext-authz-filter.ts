/**
 * Envoy's ext_authz filter: a request waits until an authorization service has answered, by gRPC or HTTP, and goes on
 * as the service has changed it, or gets the service's denial. Without an answer it is denied, unless told otherwise.
 */

import { EXT_AUTHZ_BODY_IDLE_MS } from "../../core/limits.ts";
import { type MetadataMap, withMetadata } from "../../decision/dynamic-metadata.ts";
import type {
  AuthzBodyRule,
  ExtAuthzRouteRule,
  ExtAuthzRule,
} from "../../decision/filters/ext-authz-rule.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_LENGTH, BODY_NONE, BODY_TUNNEL } from "../../http/request-head.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { guarded } from "../callback-faults.ts";
import { type AuthzAnswer, changesRequest, type HeaderChange } from "../ext-authz/authz-answer.ts";
import { type AuthzHandler, type AuthzQuestion, askByGrpc } from "../ext-authz/authz-check.ts";
import { requestCheck } from "../ext-authz/check-request.ts";
import type { ExtAuthzCounters } from "../ext-authz/ext-authz-metrics.ts";
import {
  applyChanges,
  applyDenial,
  isWellFormed,
  removeHeaders,
} from "../ext-authz/header-changes.ts";
import { askByHttp, isToldByHttp } from "../ext-authz/http-check.ts";
import { PARTIAL_BODY, toldHeaders } from "../ext-authz/told-headers.ts";
import { LOCAL_REPLY } from "../local-reply.ts";
import { ownAnswerHeaders, TEXT_PLAIN } from "../own-answer-headers.ts";
import type { FilterServices } from "./filter-services.ts";
import { type BodyGatherer, GatheredBody } from "./gathered-body.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  type FilterWait,
  GO_ON,
  type HttpFilter,
  type ResponseEditor,
  WAITS,
} from "./http-filter.ts";

/** Where Envoy's filter leaves what a service has found out. */
const NAMESPACE = "envoy.filters.http.ext_authz";
const NO_EXTENSIONS: ReadonlyMap<string, string> = new Map();
/** Tells a peer who denied it: translation's name for it. */
const DENIED_BY = new HeaderName("x-tulle-denied-by");
const FAILURE_ALLOWED = new HeaderField(
  new HeaderName("x-envoy-auth-failure-mode-allowed"),
  "true",
);

const always = (): boolean => true;
const never = (): boolean => false;

export class ExtAuthzFilter implements HttpFilter {
  readonly #rule: ExtAuthzRule;
  readonly #services: FilterServices;
  readonly #counters: ExtAuthzCounters;
  readonly #isToldAnyway: (name: string) => boolean;

  constructor(rule: ExtAuthzRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
    this.#counters = services.metrics.extAuthz.countersOf(rule.label);
    if (rule.target.kind === "http") this.#isToldAnyway = isToldByHttp;
    else this.#isToldAnyway = rule.allowedHeaders === undefined ? always : never;
  }

  onRequest(call: FilterCall): FilterVerdict {
    // As in Envoy: what no route takes is answered behind the filters.
    if (call.match === undefined) return GO_ON;
    const { ofRoute } = call;
    const own = ofRoute?.kind === "ext-authz-route" ? ofRoute : undefined;
    if (own?.isDisabled === true) return GO_ON;
    if (!this.#isMeant(call)) {
      this.#counters.disabled.value += 1;
      return this.#rule.deniesOthers
        ? this.#deny(call, "it is not asked about this request")
        : GO_ON;
    }
    // What only this filter may say.
    if (this.#rule.tellsFailure) call.request.head!.headers.remove(FAILURE_ALLOWED.name);
    const check = new RequestCheck(this, call, own);
    const body = this.#bodyRule(call, own);
    if (body === undefined) return this.ask(call, check) ?? WAITS;
    if (!body.isPartialAllowed && call.request.head!.contentLength > body.bytesMax) {
      call.answer(LOCAL_REPLY.requestTooLarge, "");
      return ANSWERED;
    }
    check.gather(body, this.#services);
    return WAITS;
  }

  /** Asks about a request whose body is at hand as far as it is told. Undefined: the check has been asked. */
  ask(call: FilterCall, check: RequestCheck): FilterVerdict | undefined {
    const reason = this.#start(call, check);
    return reason === undefined ? undefined : this.#onFailure(call, reason);
  }

  onAnswer(call: FilterCall, check: RequestCheck, answer: AuthzAnswer): void {
    const rule = this.#rule;
    const { nowMs } = this.#services;
    const durationMs = nowMs() - check.startMs;
    this.#counters.durationMs.observe(durationMs);
    if (!isTidy(answer)) {
      this.#counters.invalid.value += 1;
      call.outcome.flag = FLAG.UAEX;
      call.answer(LOCAL_REPLY.authzInvalid, "");
      return;
    }
    const { metadata } = answer;
    if (rule.takesMetadata && metadata !== undefined && metadata.size > 0) {
      leave(call, answer.isAllowed ? withDuration(metadata, durationMs) : metadata);
    }
    if (answer.isAllowed) this.#allow(call, check, answer);
    else this.#refuse(call, answer);
  }

  /** The service has not answered, or nothing that can be read. */
  onNoAnswer(call: FilterCall, check: RequestCheck, reason: string): void {
    if (this.#onFailure(call, reason) !== GO_ON) return;
    check.passBody();
    call.proceed();
  }

  #isMeant(call: FilterCall): boolean {
    const { share, onlyWhen } = this.#rule;
    if (share < 1 && this.#services.prng.next() >= share) return false;
    return onlyWhen === undefined || onlyWhen.test(call.request, call.outcome.connection);
  }

  /** Undefined where the service is told nothing of the request's body. */
  #bodyRule(
    { request }: FilterCall,
    own: ExtAuthzRouteRule | undefined,
  ): AuthzBodyRule | undefined {
    const { bodyKind, contentLength } = request.head!;
    if (bodyKind === BODY_NONE || bodyKind === BODY_TUNNEL) return undefined;
    if (bodyKind === BODY_LENGTH && contentLength === 0) return undefined;
    const rule = own?.body ?? this.#rule.body;
    return rule === "none" ? undefined : rule;
  }

  /** Returns why it cannot be asked. */
  #start(call: FilterCall, check: RequestCheck): string | undefined {
    const { target, allowedHeaders, disallowedHeaders, tellsRawHeaders } = this.#rule;
    const { request, outcome } = call;
    const { body } = check;
    const headers = toldHeaders(request, {
      allowed: allowedHeaders,
      disallowed: disallowedHeaders,
      isToldAnyway: this.#isToldAnyway,
      isRaw: tellsRawHeaders,
    });
    if (body !== undefined) headers.push({ name: PARTIAL_BODY, value: String(check.isPartial) });
    check.startMs = this.#services.nowMs();
    const asked =
      target.kind === "http"
        ? askByHttp(target, { request, headers, body }, this.#services, check)
        : askByGrpc(
            target,
            requestCheck({
              ...{ request, headers, body },
              connection: outcome.connection,
              tellsCertificate: this.#rule.tellsCertificate,
              tellsServerName: this.#rule.tellsServerName,
              requestId: outcome.requestId,
              timeMs: this.#services.wallMs() - (check.startMs - outcome.startMs),
              isRaw: tellsRawHeaders,
              isBodyBytes: check.isBodyBytes,
              contextExtensions: check.contextExtensions,
              metadata: this.#metadataOf(call),
            }),
            this.#services,
            check,
          );
    if (typeof asked === "string") return asked;
    check.onAsked(asked);
    return undefined;
  }

  #metadataOf({ request }: FilterCall): readonly (readonly [string, MetadataMap])[] {
    const { metadata } = request;
    if (metadata === undefined) return [];
    return this.#rule.metadataNamespaces.flatMap((namespace) => {
      const fields = metadata.get(namespace);
      return fields === undefined ? [] : [[namespace, fields] as const];
    });
  }

  #allow(call: FilterCall, check: RequestCheck, answer: AuthzAnswer): void {
    this.#counters.ok.value += 1;
    const { request } = call;
    const { headers } = request.head!;
    applyChanges(answer.requestChanges, headers);
    removeHeaders(answer.removedHeaders, headers);
    for (const name of answer.parametersToRemove) request.removeParameter(name);
    for (const { name, value } of answer.parametersToSet) request.setParameter(name, value);
    if (answer.responseChanges.length > 0) {
      call.editResponse(new ClientChanges(answer.responseChanges));
    }
    if (this.#rule.choosesRoute && changesRequest(answer)) call.reroute();
    check.passBody();
    call.proceed();
  }

  /** The service's own denial. */
  #refuse(call: FilterCall, { status, body, responseChanges }: AuthzAnswer): void {
    this.#counters.denied.value += 1;
    const { outcome } = call;
    outcome.flag = FLAG.UAEX;
    outcome.failureReason = `denied by the external authorization ${this.#rule.label}`;
    const isTyped = body === "" || responseChanges.some(({ name }) => name === "content-type");
    const headers = ownAnswerHeaders(isTyped ? undefined : TEXT_PLAIN, call.match);
    applyDenial(responseChanges, headers);
    // Of anybody else only the log knows.
    if (outcome.connection.peerPrincipal !== "") {
      headers.set(new HeaderField(DENIED_BY, outcome.failureReason));
    }
    call.answerWith(status, LOCAL_REPLY.authzDenied.details, headers, body);
  }

  #onFailure(call: FilterCall, reason: string): FilterVerdict {
    const { allowsOnFailure, tellsFailure } = this.#rule;
    this.#counters.error.value += 1;
    if (!allowsOnFailure) return this.#deny(call, reason);
    this.#counters.failureModeAllowed.value += 1;
    if (tellsFailure) call.request.head!.headers.set(FAILURE_ALLOWED);
    return GO_ON;
  }

  /** The reason stands in the log; a stranger has no use for it. */
  #deny(call: FilterCall, reason: string): FilterVerdict {
    const { label, failureStatus: status } = this.#rule;
    const { connection } = call.outcome;
    const text = `${label}: ${reason}`;
    call.editResponse(new FailureReason(call, text));
    call.answer(
      { ...LOCAL_REPLY.authzFailed, status },
      connection.peerPrincipal === "" ? "" : text,
    );
    return ANSWERED;
  }
}

/** One request that waits: for its body, then for the service. */
class RequestCheck implements FilterWait, AuthzHandler, BodyGatherer {
  readonly #filter: ExtAuthzFilter;
  readonly #call: FilterCall;
  readonly #settle: (answer: AuthzAnswer | undefined, reason: string) => void;
  readonly contextExtensions: ReadonlyMap<string, string>;
  /** Monotonic. */
  startMs = 0;
  #isWaiting = false;
  #question: AuthzQuestion | undefined;
  #gathered: GatheredBody | undefined;
  #bodyRule: AuthzBodyRule | undefined;
  /** What the service is told of the body. */
  body: Buffer | undefined;
  isPartial = false;

  constructor(filter: ExtAuthzFilter, call: FilterCall, own: ExtAuthzRouteRule | undefined) {
    this.#filter = filter;
    this.#call = call;
    this.contextExtensions = own?.contextExtensions ?? NO_EXTENSIONS;
    // What goes wrong behind the answer is the client's connection's, not the service's.
    this.#settle = guarded(call.faults, (answer, reason) => this.#onSettled(answer, reason));
  }

  get isBodyBytes(): boolean {
    return this.#bodyRule?.isBytes ?? false;
  }

  gather(rule: AuthzBodyRule, { timers }: FilterServices): void {
    const call = this.#call;
    this.#bodyRule = rule;
    this.#wait();
    call.continueRequest();
    call.pace((path) => {
      const { faults } = call;
      // One byte more tells whether there is too much.
      const bytesMax = rule.isPartialAllowed ? rule.bytesMax : rule.bytesMax + 1;
      const options = { bytesMax, idleMs: EXT_AUTHZ_BODY_IDLE_MS, timers, faults };
      this.#gathered = new GatheredBody(path, this, options);
      return this.#gathered;
    });
  }

  onGathered(): void {
    const gathered = this.#gathered!;
    const rule = this.#bodyRule!;
    if (!rule.isPartialAllowed && gathered.byteCount > rule.bytesMax) {
      this.#call.answer(LOCAL_REPLY.requestTooLarge, "");
      return;
    }
    this.body = gathered.bytes();
    this.isPartial = !this.#isWhole(gathered);
    const call = this.#call;
    if (this.#filter.ask(call, this) !== GO_ON) return;
    this.passBody();
    call.proceed();
  }

  onGatherIdle(): void {
    this.#call.answer(LOCAL_REPLY.requestIdle, "");
  }

  onAsked(question: AuthzQuestion): void {
    this.#question = question;
    this.#wait();
  }

  /** What was kept back of the body goes on. */
  passBody(): void {
    this.#gathered?.pass();
  }

  cancel(): void {
    this.#question?.cancel();
  }

  onAnswer(answer: AuthzAnswer): void {
    this.#settle(answer, "");
  }

  onNoAnswer(reason: string): void {
    this.#settle(undefined, reason);
  }

  /** Nothing of it is kept from the service. */
  #isWhole({ isComplete, byteCount }: GatheredBody): boolean {
    const told = this.body!.length;
    if (isComplete) return told === byteCount;
    return told === this.#call.request.head!.contentLength;
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#call.waitFor(this);
  }

  #onSettled(answer: AuthzAnswer | undefined, reason: string): void {
    if (answer !== undefined) this.#filter.onAnswer(this.#call, this, answer);
    else this.#filter.onNoAnswer(this.#call, this, reason);
  }
}

class ClientChanges implements ResponseEditor {
  readonly #changes: readonly HeaderChange[];

  constructor(changes: readonly HeaderChange[]) {
    this.#changes = changes;
  }

  editResponse(_status: number, headers: Parameters<ResponseEditor["editResponse"]>[1]): void {
    applyChanges(this.#changes, headers);
  }
}

/** What the log says of a request for which there was no answer, whoever it came from. */
class FailureReason implements ResponseEditor {
  readonly #call: FilterCall;
  readonly #reason: string;

  constructor(call: FilterCall, reason: string) {
    this.#call = call;
    this.#reason = reason;
  }

  editResponse(): void {
    this.#call.outcome.failureReason = this.#reason;
  }
}

function leave({ request }: FilterCall, fields: MetadataMap): void {
  request.metadata = withMetadata(request.metadata, NAMESPACE, fields);
}

/** As Envoy tells it to filters behind. */
function withDuration(metadata: MetadataMap, durationMs: number): MetadataMap {
  return new Map([...metadata, ["ext_authz_duration", Math.floor(durationMs)]]);
}

function isTidy({ requestChanges, responseChanges }: AuthzAnswer): boolean {
  return requestChanges.every(isWellFormed) && responseChanges.every(isWellFormed);
}
