/**
 * What one request asks of the choice of its endpoint: a hash that leads to the same one, a host that was told to it
 * before, a subset, and whom it has tried in vain. Belongs to a request's object and is used again for the next.
 */
import type { HashTarget } from "../decision/hash-policy.ts";
import type { SubsetCriteria } from "../decision/subset-criteria.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PickKey } from "./load-balancer/load-balancer.ts";

export class PickContext implements PickKey, HashTarget {
  /** Without a hash, policies that hash choose by chance. */
  hasHash = false;
  /** The upper and lower 32 bits, unsigned. */
  hashHigh = 0;
  hashLow = 0;
  /** Where hashing policies go on when the endpoint at this hash is not wanted. */
  attempt = 0;
  /** The value of a Set-Cookie field for the answer, so that the client's next request has the same hash; or "". */
  cookie = "";
  /** `address:port` of the endpoint that serves this session, or "". Retries go where balancing sends them. */
  overrideHost = "";
  /** Without its host the session has none. */
  isOverrideStrict = false;
  /** What the route demands of endpoints' labels. */
  subset: SubsetCriteria | undefined;
  /** Endpoints that failed, without the repeated ones. Only where a try has failed. */
  #attempted: Endpoint[] | undefined;

  /** For the next request. */
  reset(): void {
    this.hasHash = false;
    this.attempt = 0;
    this.cookie = "";
    this.overrideHost = "";
    this.isOverrideStrict = false;
    this.subset = undefined;
    this.#attempted = undefined;
  }

  setHash(high: number, low: number): void {
    this.hasHash = true;
    this.hashHigh = high >>> 0;
    this.hashLow = low >>> 0;
  }

  setCookie(cookie: string): void {
    this.cookie = cookie;
  }

  /** The next picks avoid it where there is a choice. */
  avoid(endpoint: Endpoint): void {
    this.#attempted ??= [];
    if (!this.#attempted.includes(endpoint)) this.#attempted.push(endpoint);
  }

  /** A try has failed. */
  get isRetry(): boolean {
    return this.#attempted !== undefined;
  }

  isAvoided(endpoint: Endpoint): boolean {
    return this.#attempted?.includes(endpoint) ?? false;
  }
}
