/** A stored response brought up to date by a 304, or by the answer to HEAD (RFC 9111 sections 3.2, 4.3.4 and 4.3.5). */
import type { HeaderBlock } from "../../http/header-block.ts";
import { type FreshnessRule, freshnessLifetimeMs } from "./freshness.ts";
import type { CachedRequestView } from "./header-view.ts";
import { type StaleRule, storabilityRefusal } from "./storability.ts";
import type { StoredResponse } from "./stored-response.ts";
import { parseVary } from "./vary.ts";

/**
 * `headers` are those of the answer, which came at `responseMs` being `ageMs` old. False: with its new fields the
 * response must not be kept any longer (it says no-store by now), or would be found by other requests than before.
 */
export function updateStored(
  stored: StoredResponse,
  request: CachedRequestView,
  headers: HeaderBlock,
  times: { readonly ageMs: number; readonly responseMs: number },
  rule: FreshnessRule & StaleRule,
): boolean {
  stored.update(headers, times.ageMs, rule, times.responseMs);
  const lifetimeMs = freshnessLifetimeMs(stored, stored.control, rule, times.responseMs);
  const read = { method: "GET", header: (name: string) => request.header(name) };
  if (storabilityRefusal(read, stored, stored.control, rule, lifetimeMs) !== undefined)
    return false;
  const names = parseVary(stored.header("vary"));
  return names?.join() === stored.key.varyNames.join();
}
