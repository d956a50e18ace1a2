/** Sends the requests of a session to the endpoint that served it before, and tells the client which one that is. */
import {
  coversPath,
  type SessionState,
  type StatefulSessionRule,
} from "../../decision/filters/stateful-session-rule.ts";
import {
  decodeAddress,
  decodeSession,
  encodeAddress,
  encodeSession,
} from "../../decision/session-token.ts";
import { cookieValue, setCookie } from "../../http/cookie.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { addressText } from "../endpoint-address.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
  type ResponseEditor,
} from "./http-filter.ts";

const SET_COOKIE = new HeaderName("set-cookie");
const MS_PER_S = 1000;

export class StatefulSessionFilter implements HttpFilter {
  readonly #rule: StatefulSessionRule;
  readonly #services: FilterServices;

  constructor(rule: StatefulSessionRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute, request, outcome } = call;
    const { state, isStrict } = ofRoute?.kind === "stateful-session" ? ofRoute : this.#rule;
    if (state === undefined) return GO_ON;
    if (state.kind === "cookie" && !coversPath(state, request.path)) return GO_ON;
    const { wallMs } = this.#services;
    const address = addressOf(state, request, wallMs);
    if (address !== undefined) {
      request.pick.overrideHost = address;
      request.pick.isOverrideStrict = isStrict;
    }
    call.editResponse(new SessionEditor(state, address, outcome, wallMs));
    return GO_ON;
  }
}

/** The address that a request brings, or undefined for a new session. */
function addressOf(
  state: SessionState,
  request: RoutedRequest,
  wallMs: () => number,
): string | undefined {
  if (state.kind === "header") {
    const token = request.headerValues(state.name.lower)[0];
    return token === undefined ? undefined : decodeAddress(token);
  }
  const token = cookieValue(request.headerValues("cookie"), state.name);
  return token === "" ? undefined : decodeSession(token, Math.floor(wallMs() / MS_PER_S));
}

/** Tells the client of the endpoint that has answered, when it is not the one of its request. */
class SessionEditor implements ResponseEditor {
  readonly #state: SessionState;
  readonly #address: string | undefined;
  readonly #outcome: RequestOutcome;
  readonly #wallMs: () => number;

  constructor(
    state: SessionState,
    address: string | undefined,
    outcome: RequestOutcome,
    wallMs: () => number,
  ) {
    this.#state = state;
    this.#address = address;
    this.#outcome = outcome;
    this.#wallMs = wallMs;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    const { endpoint } = this.#outcome;
    if (endpoint === undefined) return;
    const address = addressText(endpoint.info);
    if (address === this.#address) return;
    const state = this.#state;
    if (state.kind === "header") {
      headers.set(new HeaderField(state.name, encodeAddress(address)));
      return;
    }
    const { maxAgeS } = state.written;
    const expiresS = maxAgeS === 0 ? 0 : Math.floor(this.#wallMs() / MS_PER_S) + maxAgeS;
    const token = encodeSession(address, expiresS);
    headers.add(new HeaderField(SET_COOKIE, setCookie(state.name, token, state.written)));
  }
}
