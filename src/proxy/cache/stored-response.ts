/** A response that is kept: its fields as they are sent again, its body as one piece, and how long it is of use. */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import type { CacheDirectives } from "./cache-control.ts";
import { type FreshnessRule, freshnessLifetimeMs } from "./freshness.ts";
import type { CachedResponseView } from "./header-view.ts";
import { type ResponseControl, responseControl } from "./response-control.ts";
import type { StoredAge } from "./reuse.ts";

/**
 * RFC 9111 section 3.1: fields of a connection, of a proxy, and of what the proxy itself tells anew. Of cookies: a response
 * that sets one is not kept, but a 304 may come with one, which is for the client that asked alone.
 */
const NOT_KEPT: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"],
  ...["upgrade", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization"],
  ...["age", "content-length", "set-cookie"],
]);
/** Section 3.2: a 304 does not change what the body that is kept depends on. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  ...["content-encoding", "content-range", "content-length"],
]);

/** What an entry costs beside its body: objects, and its places in maps. Measured, rounded up. */
const ENTRY_BYTES = 1024;

const DATE = new HeaderName("date");

/** Which request it answers. */
export interface ResponseKey {
  /** Authority, path and query. */
  readonly uri: string;
  /** Whose it is: equal for requests that may share it. */
  readonly identity: string;
  /** Of the response's Vary, and what the request had in them. */
  readonly varyNames: readonly string[];
  readonly varyValues: string;
}

export interface StoredHead {
  readonly status: number;
  readonly reason: string;
  /** How old it was when it came: see `initialAgeMs`. */
  readonly ageMs: number;
}

export class StoredResponse implements CachedResponseView, StoredAge {
  readonly key: ResponseKey;
  readonly status: number;
  readonly reason: string;
  readonly body: Buffer;
  readonly tags: readonly string[];
  fields: readonly HeaderField[];
  control: ResponseControl;
  lifetimeMs: number;
  #initialAgeMs: number;
  #responseMs: number;
  /** Set before each use. */
  ageMs = 0;
  /** It must be validated before it is used, whatever its age. */
  isInvalid = false;
  /** It is being validated behind a request that got it stale. */
  isRefreshing = false;

  constructor(
    key: ResponseKey,
    head: StoredHead,
    fields: readonly HeaderField[],
    body: Buffer,
    tags: readonly string[],
    rule: FreshnessRule,
    responseMs: number,
  ) {
    this.key = key;
    this.status = head.status;
    this.reason = head.reason;
    this.fields = fields;
    this.body = body;
    this.tags = tags;
    this.control = responseControl(this.header, rule.targetedFields);
    this.lifetimeMs = freshnessLifetimeMs(this, this.control, rule, responseMs);
    this.#initialAgeMs = head.ageMs;
    this.#responseMs = responseMs;
  }

  get directives(): CacheDirectives {
    return this.control.directives;
  }

  /** Bytes of memory that it holds. */
  get size(): number {
    let size = ENTRY_BYTES + this.body.length + this.key.uri.length + this.key.varyValues.length;
    for (const { line } of this.fields) size += 2 * line.length;
    return size;
  }

  readonly header = (lowerName: string): string | undefined => {
    let joined: string | undefined;
    for (const { name, value } of this.fields) {
      if (name.lower !== lowerName) continue;
      joined = joined === undefined ? value : `${joined},${value}`;
    }
    return joined;
  };

  /** RFC 9111 section 4.2.3, `current_age`. */
  ageAt(nowMs: number): number {
    this.ageMs = this.#initialAgeMs + Math.max(0, nowMs - this.#responseMs);
    return this.ageMs;
  }

  /** RFC 9111 sections 3.2 and 4.3.4: a 304 brings its fields up to date. */
  update(headers: HeaderBlock, ageMs: number, rule: FreshnessRule, responseMs: number): void {
    const fresh = keptFields(headers, responseMs).filter(
      ({ name }) => !OF_THE_BODY.has(name.lower),
    );
    const replaced = new Set(fresh.map(({ name }) => name.lower));
    this.fields = [...this.fields.filter(({ name }) => !replaced.has(name.lower)), ...fresh];
    this.control = responseControl(this.header, rule.targetedFields);
    this.lifetimeMs = freshnessLifetimeMs(this, this.control, rule, responseMs);
    this.#initialAgeMs = ageMs;
    this.#responseMs = responseMs;
    this.isInvalid = false;
  }
}

/** The fields of a response that are kept. RFC 9110 section 6.6.1: one without a Date gets that of its arrival. */
export function keptFields(headers: HeaderBlock, responseMs: number): HeaderField[] {
  const fields: HeaderField[] = [];
  let hasDate = false;
  headers.forEach((name, value) => {
    const lower = name.toLowerCase();
    if (NOT_KEPT.has(lower)) return;
    hasDate ||= lower === "date";
    fields.push(new HeaderField(new HeaderName(name), value));
  });
  if (!hasDate) fields.push(new HeaderField(DATE, new Date(responseMs).toUTCString()));
  return fields;
}
