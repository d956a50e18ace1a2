/** What answers say of limits that a service keeps: draft-polli-ratelimit-headers-03 as Envoy writes it, and what the service adds. */
import { applyMutations, type HeaderMutations } from "../../decision/header-mutation.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { structuredString } from "../../http/structured-string.ts";
import type { ResponseEditor } from "./http-filter.ts";
import { policyField, stateField } from "./local-rate-limit-headers.ts";
import type { HeaderPair, LimitState } from "./rate-limit-service-message.ts";

const LIMIT = new HeaderName("x-ratelimit-limit");
const REMAINING = new HeaderName("x-ratelimit-remaining");
const RESET = new HeaderName("x-ratelimit-reset");
const LIMITED = new HeaderField(new HeaderName("x-envoy-ratelimited"), "true");

/** Fields of a message that a service may not set: it does not know how the answer is framed. */
const FRAMING: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding"],
  ...["upgrade", "proxy-connection"],
]);
/** RFC 9110 section 5.1: a token; section 5.5: no controls. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export interface ServiceTold {
  readonly states: readonly LimitState[];
  readonly headers: readonly HeaderPair[];
  readonly tellsLimit: boolean;
  readonly isRefusal: boolean;
  /** For refusals that say so. */
  readonly isMarked: boolean;
  readonly mutations: HeaderMutations;
}

/** Of one request. */
export class ServiceHeaders implements ResponseEditor {
  readonly #told: ServiceTold;

  constructor(told: ServiceTold) {
    this.#told = told;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    const { states, headers: more, tellsLimit, isRefusal, isMarked, mutations } = this.#told;
    addPairs(more, headers);
    if (tellsLimit) addLimit(states, headers, isRefusal);
    if (isMarked) headers.set(LIMITED);
    applyMutations(mutations, headers);
  }
}

/** What is no header that a service may set is left out. */
export function addPairs(pairs: readonly HeaderPair[], headers: HeaderBlock): void {
  for (const { name, value } of pairs) {
    if (!NAME.test(name) || !VALUE.test(value) || FRAMING.has(name)) continue;
    headers.add(new HeaderField(new HeaderName(name), value));
  }
}

/** Of the limit with the least left; all limits stand behind it as policies. */
function addLimit(states: readonly LimitState[], headers: HeaderBlock, isRefusal: boolean): void {
  let least = states[0];
  if (least === undefined) return;
  let policies = "";
  for (const state of states) {
    if (state.remaining < least.remaining) least = state;
    const { requestsPerUnit, windowSeconds, name } = state;
    if (windowSeconds === 0) continue;
    policies += `, ${requestsPerUnit};w=${windowSeconds}`;
    if (name !== "" && VALUE.test(name)) policies += `;name="${name}"`;
  }
  headers.add(new HeaderField(LIMIT, `${least.requestsPerUnit}${policies}`));
  headers.add(new HeaderField(REMAINING, String(least.remaining)));
  headers.add(new HeaderField(RESET, String(least.resetSeconds)));
  if (!isRefusal) return;
  const { name, requestsPerUnit, windowSeconds, remaining, resetSeconds } = least;
  const title = structuredString(name === "" ? "default" : name);
  headers.add(policyField(title, requestsPerUnit, Math.max(1, windowSeconds)));
  headers.add(stateField(title, String(remaining), String(resetSeconds)));
}
