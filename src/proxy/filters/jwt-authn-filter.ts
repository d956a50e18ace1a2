/**
 * Asks requests for the tokens of their users, and tells those behind it who they are. As in Envoy a request passes when
 * its requirement is satisfied; what is accepted on the way leaves its claims. It never waits: keys come with the
 * configuration, and verifying takes a fraction of a millisecond.
 */

import { mergeMetadata } from "../../decision/dynamic-metadata.ts";
import { isPreflight } from "../../decision/filters/cors-rule.ts";
import { type JwtAuthnRule, requirementOf } from "../../decision/filters/jwt-authn-rule.ts";
import type { JwtProvider } from "../../decision/filters/jwt-provider.ts";
import type { JwtRequirement } from "../../decision/filters/jwt-requirement.ts";
import { JWT_FAILURE, type JwtFailure } from "../../decision/jwt/failure.ts";
import { type KnownToken, TokenVerifier } from "../../decision/jwt/token-verifier.ts";
import { withoutParameter } from "../../http/query-parameters.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { BearerChallenge } from "./bearer-challenge.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
} from "./http-filter.ts";
import type { JwtProviderCounters } from "./jwt-metrics.ts";
import { removeToken, TokenSearch } from "./token-search.ts";

/** A provider, and what it made of the request that is being asked. */
interface ProviderState {
  readonly provider: JwtProvider;
  readonly verifier: TokenVerifier;
  readonly counters: JwtProviderCounters;
  /** Number of the request that the rest is about. */
  request: number;
  token: string;
  result: KnownToken | JwtFailure;
}

export class JwtAuthnFilter implements HttpFilter {
  readonly #rule: JwtAuthnRule;
  readonly #services: FilterServices;
  readonly #states: ReadonlyMap<JwtProvider, ProviderState>;
  readonly #search = new TokenSearch();
  /** Those whose token the request has. Of one request at a time: nothing here waits. */
  readonly #accepted: ProviderState[] = [];
  #requestNumber = 0;

  /** `before`: its predecessor, whose verified tokens are still known where their provider has not changed. */
  constructor(rule: JwtAuthnRule, services: FilterServices, before: HttpFilter | undefined) {
    this.#rule = rule;
    this.#services = services;
    const known = before instanceof JwtAuthnFilter ? [...before.#states.values()] : [];
    this.#states = new Map(
      rule.providers.map((provider) => {
        const same = known.find((state) => state.provider.key === provider.key);
        const state: ProviderState = {
          provider,
          verifier: same?.verifier ?? new TokenVerifier(provider.rules),
          counters: services.metrics.jwt.ofProvider(provider.name),
          request: 0,
          token: "",
          result: JWT_FAILURE.missing,
        };
        return [provider, state];
      }),
    );
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { request } = call;
    const rule = this.#rule;
    const { jwt } = this.#services.metrics;
    const { headers } = request.head!;
    // Whoever sends them: they are a verified token's to give.
    for (let i = 0; i < rule.ownFields.length; i++) headers.remove(rule.ownFields[i]!);
    if (
      rule.letsPreflightsPass &&
      isPreflight(request) &&
      (request.header("origin") ?? "") !== ""
    ) {
      jwt.preflights.value += 1;
      return GO_ON;
    }
    const { ofRoute } = call;
    let requirement: JwtRequirement | undefined;
    if (ofRoute?.kind === "jwt-authn-route") {
      const name = ofRoute.requirement;
      if (name === undefined) return GO_ON;
      requirement = rule.requirements.get(name);
      if (requirement === undefined) return this.#refuseRoute(call, name);
    } else {
      requirement = requirementOf(rule, request);
    }
    if (requirement === undefined || requirement.kind === "nothing") return GO_ON;
    this.#requestNumber += 1;
    this.#accepted.length = 0;
    const failure = this.#ask(requirement, call);
    if (failure !== undefined) return this.#deny(call, failure);
    jwt.allowed.value += 1;
    if (this.#accepted.length > 0) this.#leave(call);
    return GO_ON;
  }

  /** Undefined when the requirement is satisfied. */
  #ask(requirement: JwtRequirement, call: FilterCall): JwtFailure | undefined {
    switch (requirement.kind) {
      case "nothing":
        return undefined;
      case "provider": {
        const { provider, audiences } = requirement;
        const { result } = this.#stateOf(provider, audiences, call);
        return result.kind === "failure" ? result : undefined;
      }
      case "any": {
        let failure: JwtFailure | undefined;
        for (let i = 0; i < requirement.parts.length; i++) {
          const next = this.#ask(requirement.parts[i]!, call);
          if (next === undefined) return undefined;
          failure = failure === undefined || saysLittle(failure) ? next : failure;
        }
        return failure;
      }
      case "all": {
        for (let i = 0; i < requirement.parts.length; i++) {
          const failure = this.#ask(requirement.parts[i]!, call);
          if (failure !== undefined) return failure;
        }
        return undefined;
      }
      case "missing":
        return this.#askWhoIsThere(requirement.providers, call);
      case "failed":
        for (const provider of requirement.providers) this.#stateOf(provider, undefined, call);
        return undefined;
    }
  }

  /** Each token that is there must be one provider's. */
  #askWhoIsThere(providers: readonly JwtProvider[], call: FilterCall): JwtFailure | undefined {
    let failure: JwtFailure | undefined;
    for (const provider of providers) {
      const { result, token } = this.#stateOf(provider, undefined, call);
      if (result.kind === "token" || result === JWT_FAILURE.missing) continue;
      if (this.#isAccepted(token)) continue;
      if (failure === undefined || saysLittle(failure)) failure = result;
    }
    return failure;
  }

  #isAccepted(token: string): boolean {
    return token !== "" && this.#accepted.some((state) => state.token === token);
  }

  /** Brought up to date for the request. */
  #stateOf(
    provider: JwtProvider,
    audiences: readonly string[] | undefined,
    call: FilterCall,
  ): ProviderState {
    const state = this.#states.get(provider)!;
    if (state.request === this.#requestNumber && audiences === undefined) return state;
    state.request = this.#requestNumber;
    state.result = this.#check(state, audiences, call);
    if (state.result.kind === "token" && !this.#accepted.includes(state)) {
      this.#accepted.push(state);
    }
    return state;
  }

  #check(
    state: ProviderState,
    audiences: readonly string[] | undefined,
    { request, outcome }: FilterCall,
  ): KnownToken | JwtFailure {
    const search = this.#search;
    search.find(state.provider.places, request);
    if (search.parameter !== "") outcome.target = targetWithout(outcome.target, search.parameter);
    state.token = search.token;
    if (search.count === 0) return JWT_FAILURE.missing;
    const { counters, verifier } = state;
    const nowMs = this.#services.wallMs();
    const known =
      search.count > 1 ? JWT_FAILURE.several : verifier.known(search.token, nowMs, audiences);
    if (search.count === 1)
      (known === undefined ? counters.cacheMisses : counters.cacheHits).value += 1;
    const result = known ?? verifier.verify(search.token, nowMs, audiences);
    if (result.kind === "token") counters.accepted.value += 1;
    else counters.refused(result.reason).value += 1;
    return result;
  }

  /** What the accepted tokens say goes to those behind, the tokens themselves only where they are wanted. */
  #leave(call: FilterCall): void {
    const { request } = call;
    let choosesRoute = false;
    for (let i = 0; i < this.#accepted.length; i++) {
      const { provider, result } = this.#accepted[i]!;
      if (result.kind !== "token") continue;
      const { fields, metadata } = result;
      for (let k = 0; k < fields.length; k++) request.head!.headers.add(fields[k]!);
      if (metadata !== undefined) request.metadata = mergeMetadata(request.metadata, metadata);
      // Of several the last, as in the metadata.
      request.token = result.token;
      if (!provider.isForwarded) removeToken(provider.places, request);
      if (provider.choosesRoute && (fields.length > 0 || metadata !== undefined))
        choosesRoute = true;
    }
    if (choosesRoute) call.reroute();
  }

  #deny(call: FilterCall, { status, details, message, error }: JwtFailure): FilterVerdict {
    const { isSilent } = this.#rule;
    if (!isSilent) call.editResponse(new BearerChallenge(call.request, error));
    return this.#answer(call, status, details, isSilent ? "" : message);
  }

  /** As in Envoy: a route that names what its listener does not have lets nobody pass. */
  #refuseRoute(call: FilterCall, name: string): FilterVerdict {
    const known = [...this.#rule.requirements.keys()].sort().join(",");
    const reason = `Wrong requirement_name: ${name}. It should be one of [${known}]`;
    const details = `jwt_authn_access_denied{${reason.replaceAll(" ", "_")}}`;
    const message = this.#rule.isSilent ? "" : `Failed JWT authentication: ${reason}`;
    return this.#answer(call, 403, details, message);
  }

  #answer(call: FilterCall, status: number, details: string, message: string): FilterVerdict {
    this.#services.metrics.jwt.denied.value += 1;
    call.answer({ status, flag: FLAG.none, details, message }, "");
    return ANSWERED;
  }
}

/** What the token's own issuer says about it tells more. */
function saysLittle(failure: JwtFailure): boolean {
  return failure === JWT_FAILURE.unknownIssuer || failure === JWT_FAILURE.missing;
}

/** For logs, which are no place for tokens. */
function targetWithout(target: string, parameter: string): string {
  const queryAt = target.indexOf("?");
  if (queryAt < 0) return target;
  const query = withoutParameter(target.slice(queryAt + 1), parameter);
  return query === "" ? target.slice(0, queryAt) : `${target.slice(0, queryAt)}?${query}`;
}
