/** Answers preflights of browsers, and tells them which origins may read the answers of a route. */
import { allowsOrigin, type CorsRule, isPreflight } from "../../decision/filters/cors-rule.ts";
import { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
  type ResponseEditor,
} from "./http-filter.ts";

const ALLOW_ORIGIN = new HeaderName("access-control-allow-origin");
const ALLOW_CREDENTIALS = new HeaderField(
  new HeaderName("access-control-allow-credentials"),
  "true",
);
const ALLOW_METHODS = new HeaderName("access-control-allow-methods");
const ALLOW_HEADERS = new HeaderName("access-control-allow-headers");
const EXPOSE_HEADERS = new HeaderName("access-control-expose-headers");
const MAX_AGE = new HeaderName("access-control-max-age");
const ALLOW_PRIVATE_NETWORK = new HeaderField(
  new HeaderName("access-control-allow-private-network"),
  "true",
);
/** Fetch standard, section "CORS protocol and HTTP caches": the answer depends on who asks. */
const VARY_ORIGIN = new HeaderField(new HeaderName("vary"), "Origin");

export class CorsFilter implements HttpFilter {
  readonly #rule: CorsRule;
  readonly #services: FilterServices;

  constructor(rule: CorsRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute, request, match } = call;
    // As in Envoy, only what routes forward is shared between origins.
    if (match?.route.action.kind !== "forward") return GO_ON;
    const rule = ofRoute?.kind === "cors" ? ofRoute : this.#rule;
    const { enabledShare, shadowShare } = rule;
    if (enabledShare === 0 && shadowShare === 0) return GO_ON;
    const origin = request.header("origin");
    if (origin === undefined || origin === "") return GO_ON;
    const isEnabled = this.#isDrawn(enabledShare);
    if (!isEnabled && !this.#isDrawn(shadowShare)) return GO_ON;
    const isAllowed = allowsOrigin(rule, origin);
    const { cors } = this.#services.metrics;
    (isAllowed ? cors.allowed : cors.refused).value += 1;
    if (!isEnabled) return GO_ON;
    if (isAllowed) call.editResponse(new OriginEditor(rule, origin));
    if (!isPreflight(request)) return GO_ON;
    if (!isAllowed && rule.forwardsRefused !== false) return GO_ON;
    call.answerWith(200, "cors_response", preflightHeaders(rule, request), "");
    return ANSWERED;
  }

  #isDrawn(share: number): boolean {
    return share === 1 || (share > 0 && this.#services.prng.next() < share);
  }
}

/** What every answer to an allowed origin gets, a preflight's included. */
class OriginEditor implements ResponseEditor {
  readonly #rule: CorsRule;
  readonly #origin: string;

  constructor(rule: CorsRule, origin: string) {
    this.#rule = rule;
    this.#origin = origin;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    headers.set(new HeaderField(ALLOW_ORIGIN, this.#origin));
    headers.add(VARY_ORIGIN);
    if (this.#rule.allowsCredentials === true) headers.set(ALLOW_CREDENTIALS);
    const { exposeHeaders } = this.#rule;
    if (exposeHeaders !== "") headers.set(new HeaderField(EXPOSE_HEADERS, exposeHeaders));
  }
}

function preflightHeaders(rule: CorsRule, request: RoutedRequest): HeaderBlock {
  const headers = new HeaderBlock();
  if (rule.allowsCredentials === true) headers.add(ALLOW_CREDENTIALS);
  addList(headers, ALLOW_METHODS, rule.allowMethods, request, "access-control-request-method");
  addList(headers, ALLOW_HEADERS, rule.allowHeaders, request, "access-control-request-headers");
  if (rule.maxAge !== "") headers.add(new HeaderField(MAX_AGE, rule.maxAge));
  const asksForPrivate = request.header("access-control-request-private-network") === "true";
  if (rule.allowsPrivateNetwork === true && asksForPrivate) headers.add(ALLOW_PRIVATE_NETWORK);
  return headers;
}

/** `*` means what is asked for: where cookies go along, browsers take it by the letter. */
function addList(
  headers: HeaderBlock,
  name: HeaderName,
  list: string,
  request: RoutedRequest,
  askedBy: string,
): void {
  const value = list === "*" ? (request.header(askedBy) ?? "") : list;
  if (value !== "" || list === "*") headers.add(new HeaderField(name, value));
}
