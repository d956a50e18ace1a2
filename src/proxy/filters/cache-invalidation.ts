/** Forgets what an unsafe request has changed, when it succeeds (RFC 9111 section 4.4). */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { CacheStore } from "../cache/cache-store.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { FilterServices } from "./filter-services.ts";
import type { ResponseEditor } from "./http-filter.ts";

export class CacheInvalidation implements ResponseEditor {
  readonly #store: CacheStore;
  /** As the client sees it, before rewrites. */
  readonly #authority: string;
  readonly #scheme: string;
  readonly #uri: string;
  readonly #services: FilterServices;

  constructor(store: CacheStore, request: RoutedRequest, uri: string, services: FilterServices) {
    this.#store = store;
    this.#authority = request.authority.toLowerCase();
    this.#scheme = request.scheme;
    this.#uri = uri;
    this.#services = services;
  }

  editResponse(status: number, headers: HeaderBlock): void {
    // "A non-error response is one with a 2xx or 3xx status."
    if (status < 200 || status >= 400) return;
    let count = this.#store.removeUri(this.#uri);
    for (const name of ["location", "content-location"]) {
      const uri = this.#ownUri(headers.get(name));
      if (uri !== undefined) count += this.#store.removeUri(uri);
    }
    this.#services.metrics.cache.invalidated.value += count;
  }

  /** Only of the same origin: others' responses are none of this one's business. */
  #ownUri(reference: string | undefined): string | undefined {
    if (reference === undefined) return undefined;
    const base = `${this.#scheme}://${this.#uri}`;
    const url = URL.canParse(reference, base) ? new URL(reference, base) : undefined;
    if (url?.host !== this.#authority) return undefined;
    return `${this.#authority}${url.pathname}${url.search}`;
  }
}
