/**
 * Envoy's RBAC filter: lets a request go on, or answers it with 403. A denial says in log and metrics which policy and
 * which condition it was, and in the answer only to a peer that has proved who it is.
 */

import { type DynamicMetadata, withMetadata } from "../../decision/dynamic-metadata.ts";
import type { FilterRule } from "../../decision/filters/filter-rule.ts";
import type { RbacRule } from "../../decision/filters/rbac-rule.ts";
import { explainMatch, type Judgement } from "../../decision/rbac/judgement.ts";
import { NO_MATCH } from "../../decision/rbac/policy-index.ts";
import type { RbacEngine } from "../../decision/rbac/rbac-engine.ts";
import { denialDetails } from "../../decision/rbac/rule-name.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { LOCAL_REPLY } from "../local-reply.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
  type ResponseEditor,
  type TunnelDenial,
} from "./http-filter.ts";

/** Where Envoy's filter leaves the result of shadow rules. */
const NAMESPACE = "envoy.filters.http.rbac";
/** Where it leaves whether a request is to be logged. */
const COMMON_NAMESPACE = "envoy.common";
const LOGGED: DynamicMetadata = new Map([[COMMON_NAMESPACE, new Map([["access_log_hint", true]])]]);
const NOT_LOGGED: DynamicMetadata = new Map([
  [COMMON_NAMESPACE, new Map([["access_log_hint", false]])],
]);

/** The object that an answer of a sidecar itself comes from: translation's name for it. */
const CAUSE = new HeaderName("x-tulle-cause");
const DENIED = new HeaderName("x-tulle-denied-by");

export class RbacFilter implements HttpFilter {
  readonly #rule: RbacRule;
  readonly #services: FilterServices;
  /** What shadow rules leave, by rules and the place of the match (the last for none): shared by all requests. */
  readonly #results = new WeakMap<RbacEngine, (DynamicMetadata | undefined)[]>();

  constructor(rule: RbacRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute, request, outcome } = call;
    const rule = ofRoute?.kind === "rbac" ? ofRoute : this.#rule;
    request.clientAddress = outcome.clientAddress;
    if (rule.shadow !== undefined) this.#watch(rule.shadow, rule, request, outcome);
    const engine = rule.rules;
    if (engine === undefined) return GO_ON;
    const match = engine.match(request, outcome.connection);
    const counts = this.#services.metrics.authorization.countsOf(engine, "enforced");
    if (engine.isAllowed(match)) {
      counts.onAllowed(match);
      if (engine.action === "log") {
        leave(request, match === NO_MATCH ? NOT_LOGGED : LOGGED, COMMON_NAMESPACE);
      }
      return GO_ON;
    }
    const judgement = explainMatch(engine, match, request, outcome.connection);
    counts.onDenied(judgement, outcome.connection.peerPrincipal);
    deny(call, judgement);
    return ANSWERED;
  }

  judgeTunnel(
    request: RoutedRequest,
    { connection }: RequestOutcome,
    ofRoute: FilterRule | undefined,
  ): TunnelDenial | undefined {
    const engine = (ofRoute?.kind === "rbac" ? ofRoute : this.#rule).rules;
    if (engine === undefined) return undefined;
    const match = engine.match(request, connection);
    if (engine.isAllowed(match)) return undefined;
    const judgement = explainMatch(engine, match, request, connection);
    const counts = this.#services.metrics.authorization.countsOf(engine, "enforced");
    counts.onDenied(judgement, connection.peerPrincipal);
    const { policy, isMatched, reason } = judgement;
    return { details: denialDetails(isMatched ? policy?.name : undefined), reason };
  }

  #watch(
    engine: RbacEngine,
    rule: RbacRule,
    request: RoutedRequest,
    { connection }: RequestOutcome,
  ): void {
    const match = engine.match(request, connection);
    const counts = this.#services.metrics.authorization.countsOf(engine, "shadow");
    if (engine.isAllowed(match)) counts.onAllowed(match);
    else {
      const judgement = explainMatch(engine, match, request, connection);
      counts.onDenied(judgement, connection.peerPrincipal);
    }
    leave(request, this.#resultOf(engine, rule, match), NAMESPACE);
  }

  #resultOf(engine: RbacEngine, { shadowPrefix }: RbacRule, match: number): DynamicMetadata {
    let results = this.#results.get(engine);
    if (results === undefined) {
      results = Array.from({ length: engine.policies.length + 1 }, () => undefined);
      this.#results.set(engine, results);
    }
    const place = match === NO_MATCH ? engine.policies.length : match;
    const known = results[place];
    if (known !== undefined) return known;
    const fields = new Map([
      [`${shadowPrefix}shadow_engine_result`, engine.isAllowed(match) ? "allowed" : "denied"],
    ]);
    const policy = engine.policies[place];
    if (policy !== undefined) fields.set(`${shadowPrefix}shadow_effective_policy_id`, policy.name);
    const made: DynamicMetadata = new Map([[NAMESPACE, fields]]);
    results[place] = made;
    return made;
  }
}

/** What nobody has written to before is shared, and costs nothing. */
function leave(request: RoutedRequest, result: DynamicMetadata, namespace: string): void {
  const { metadata } = request;
  request.metadata =
    metadata === undefined ? result : withMetadata(metadata, namespace, result.get(namespace)!);
}

function deny(call: FilterCall, judgement: Judgement): void {
  const { outcome } = call;
  const { policy, isMatched, reason } = judgement;
  const isPeer = outcome.connection.peerPrincipal !== "";
  call.editResponse(new Denial(outcome, judgement, isPeer));
  const details = denialDetails(isMatched ? policy?.name : undefined);
  call.answer({ ...LOCAL_REPLY.accessDenied, details }, isPeer ? reason : "");
}

/** Tells a peer who denied it; of anybody else only the log knows. */
class Denial implements ResponseEditor {
  readonly #outcome: RequestOutcome;
  readonly #judgement: Judgement;
  readonly #isPeer: boolean;

  constructor(outcome: RequestOutcome, judgement: Judgement, isPeer: boolean) {
    this.#outcome = outcome;
    this.#judgement = judgement;
    this.#isPeer = isPeer;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    const { policy, isMatched, reason } = this.#judgement;
    this.#outcome.failureReason = reason;
    if (!this.#isPeer) return;
    headers.set(new HeaderField(DENIED, printable(reason)));
    if (policy === undefined || !isMatched) return;
    const cause = `AuthorizationPolicy/${policy.policy}/rule/${policy.rule}`;
    headers.set(new HeaderField(CAUSE, printable(cause)));
  }
}

/** What a field value may hold (RFC 9110 section 5.5). */
function printable(text: string): string {
  return text.replaceAll(/[^ -~]/g, "?");
}
