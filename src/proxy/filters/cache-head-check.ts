/** What the answer to HEAD tells about the response to GET that is kept (RFC 9111 section 4.3.5). */
import type { CacheRule } from "../../decision/filters/cache-rule.ts";
import { copiedHeaders } from "../../http/copied-headers.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import type { CacheStore } from "../cache/cache-store.ts";
import { initialAgeMs } from "../cache/freshness.ts";
import type { CachedRequestView } from "../cache/header-view.ts";
import type { StoredResponse } from "../cache/stored-response.ts";
import { updateStored } from "../cache/stored-update.ts";
import type { FilterServices } from "./filter-services.ts";
import type { ResponseEditor } from "./http-filter.ts";

export class CacheHeadCheck implements ResponseEditor {
  readonly #stored: StoredResponse;
  readonly #store: CacheStore;
  readonly #rule: CacheRule;
  readonly #services: FilterServices;
  readonly #requestMs: number;
  /** Of the request as its client sent it: routes change what goes upstream. */
  readonly #asked: HeaderBlock;

  constructor(
    asked: HeaderBlock,
    stored: StoredResponse,
    store: CacheStore,
    rule: CacheRule,
    services: FilterServices,
  ) {
    this.#asked = copiedHeaders(asked);
    this.#stored = stored;
    this.#store = store;
    this.#rule = rule;
    this.#services = services;
    this.#requestMs = services.wallMs();
  }

  editResponse(status: number, headers: HeaderBlock): void {
    const stored = this.#stored;
    if (status !== stored.status) return;
    const header = (name: string): string | undefined => headers.get(name);
    const isSame = ["etag", "last-modified"].every((name) => {
      const told = header(name);
      return told === undefined || told === stored.header(name);
    });
    const length = header("content-length");
    if (!isSame || (length !== undefined && length !== String(stored.body.length))) {
      // It is another one by now: it must not be used before it was asked for.
      stored.isInvalid = true;
      return;
    }
    const responseMs = this.#services.wallMs();
    const ageMs = initialAgeMs({ status, header }, { requestMs: this.#requestMs, responseMs });
    const request: CachedRequestView = { method: "HEAD", header: (name) => this.#asked.get(name) };
    if (updateStored(stored, request, headers, { ageMs, responseMs }, this.#rule)) {
      this.#store.resize(stored);
    } else {
      this.#store.remove(stored);
    }
  }
}
