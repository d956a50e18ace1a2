/** Cases of RFC 9111 as data, and what becomes of each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderBlock } from "../../src/http/header-block.ts";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { freshnessLifetimeMs, initialAgeMs } from "../../src/proxy/cache/freshness.ts";
import { responseControl } from "../../src/proxy/cache/response-control.ts";
import { type Reuse, reuseOf } from "../../src/proxy/cache/reuse.ts";
import { storabilityRefusal } from "../../src/proxy/cache/storability.ts";
import { keptFields, StoredResponse } from "../../src/proxy/cache/stored-response.ts";
import { parseVary, varyingValues } from "../../src/proxy/cache/vary.ts";

/** When the first response comes. */
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

export type Fields = Readonly<Record<string, string>>;

export interface Options {
  /** Fields of the first request, and of the one that may be answered by its response. */
  readonly first?: Fields;
  readonly second?: Fields;
  readonly method?: string;
  readonly status?: number;
  /** Seconds between the response and the second request. Default: 1. */
  readonly after?: number;
  /** Seconds between the first request and its response. */
  readonly delay?: number;
  readonly rule?: Partial<typeof RULE>;
}

/** Of the second request: what it gets, or why the response is not kept. */
export type Outcome =
  | "fresh"
  | "miss"
  | "validate"
  | "validate or stale"
  | "stale-accepted"
  | "stale-while-revalidate"
  | `not kept: ${string}`;

export type Case = readonly [section: string, name: string, response: Fields, Outcome, Options?];

export const RULE = {
  defaultTtlMs: 0,
  isHeuristic: false,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  targetedFields: ["cdn-cache-control"],
};

export const date = (seconds: number): string => new Date(NOW + 1000 * seconds).toUTCString();
export const cc = (value: string, more: Fields = {}): Fields => ({
  "cache-control": value,
  ...more,
});
export const LM: Fields = { "last-modified": date(-86_400) };
export const ETAG: Fields = { etag: '"a"' };
export const AUTH: Fields = { authorization: "Basic x" };

export function blockOf(fields: Fields): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) {
    block.add(new HeaderField(new HeaderName(name), value));
  }
  return block;
}

export const view = (fields: Fields) => (name: string) => fields[name];

export function stored(response: Fields, options: Options): StoredResponse | string {
  const { first = {}, method = "GET", status = 200, delay = 0 } = options;
  const rule = { ...RULE, ...options.rule };
  const seen = { status, header: view(response) };
  const control = responseControl(seen.header, rule.targetedFields);
  const lifetimeMs = freshnessLifetimeMs(seen, control, rule, NOW);
  const request = { method, header: view(first) };
  const refusal = storabilityRefusal(request, seen, control, rule, lifetimeMs);
  if (refusal !== undefined) return refusal;
  const varyNames = parseVary(response["vary"]);
  if (varyNames === undefined) return "vary";
  const ageMs = initialAgeMs(seen, { requestMs: NOW - 1000 * delay, responseMs: NOW });
  const key = {
    uri: "app/",
    identity: "",
    varyNames,
    varyValues: varyingValues(varyNames, view(first)),
  };
  const fields = keptFields(blockOf(response), NOW);
  const head = { status, reason: "", ageMs };
  return new StoredResponse(key, head, fields, Buffer.from("0123456789"), [], rule, NOW);
}

function outcomeOf(response: Fields, options: Options): Outcome {
  const kept = stored(response, options);
  if (typeof kept === "string") return `not kept: ${kept}`;
  const { second = {}, after = 1 } = options;
  const header = view(second);
  if (varyingValues(kept.key.varyNames, header) !== kept.key.varyValues) return "miss";
  kept.ageAt(NOW + 1000 * after);
  return told(reuseOf({ method: "GET", header }, kept, { ...RULE, ...options.rule }));
}

function told(found: Reuse): Outcome {
  if (found.kind !== "validate") return found.kind;
  return found.isFallback ? "validate or stale" : "validate";
}

/** A test for each case, named by its section. */
export function runCases(cases: readonly Case[]): void {
  for (const [section, name, response, expected, options = {}] of cases) {
    test(`${section}: ${name}`, () => assert.equal(outcomeOf(response, options), expected));
  }
}
