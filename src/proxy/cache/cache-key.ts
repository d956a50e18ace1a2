/** What a response is kept under, and whose it is. */
import { createHash } from "node:crypto";
import type { CacheRule } from "../../decision/filters/cache-rule.ts";
import type { RequestView } from "../../decision/request-view.ts";

/** The URI (RFC 9111 section 2), its query without the parameters that make no difference. */
export function cacheUri(
  request: Pick<RequestView, "authority" | "path" | "query">,
  { ignoredQuery }: Pick<CacheRule, "ignoredQuery">,
): string {
  const base = `${request.authority.toLowerCase()}${request.path}`;
  if (request.query === "") return base;
  if (ignoredQuery.size === 0) return `${base}?${request.query}`;
  const kept = request.query
    .split("&")
    .filter((parameter) => !ignoredQuery.has(parameter.split("=", 1)[0] ?? ""));
  return kept.length === 0 ? base : `${base}?${kept.join("&")}`;
}

/** What tells users apart where responses are not shared between them. */
const OF_USERS = ["authorization", "cookie", "x-forwarded-client-cert"] as const;

/**
 * Equal for requests that may get each other's responses: the workload that calls and the user behind it, unless the
 * rule says that they share; and the fields that the rule names. Secrets stand in it as a digest.
 */
export function cacheIdentity(
  { peerPrincipal }: { readonly peerPrincipal: string },
  request: Pick<RequestView, "header">,
  rule: Pick<CacheRule, "isShared" | "keyHeaders">,
): string {
  let identity = "";
  for (const name of rule.keyHeaders) identity += `${request.header(name) ?? "-"}\n`;
  if (rule.isShared) return identity;
  let secret = "";
  for (const name of OF_USERS) {
    const value = request.header(name);
    if (value !== undefined) secret += `${name}=${value}\n`;
  }
  const user = secret === "" ? "" : createHash("sha256").update(secret).digest("base64");
  return `${identity}${peerPrincipal}\n${user}`;
}
