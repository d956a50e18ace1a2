/** Names of claims where others name a header: Istio's `@request.auth.claims.group` and `@request.auth.claims[a.b][c]`. */

import { z } from "zod";

const PREFIX = "@request.auth.claims";
const DOTTED = /^(?:\.[^.[\]\s]+)+$/;
const BRACKETED = /^(?:\[[^[\]]+\])+$/;

export function isClaimName(name: string): boolean {
  return name.toLowerCase().startsWith(PREFIX);
}

/** The claim, and the names inside it. Undefined for what names none. */
export function claimPathOf(name: string): readonly string[] | undefined {
  const rest = name.slice(PREFIX.length);
  if (!isClaimName(name)) return undefined;
  if (DOTTED.test(rest)) return rest.slice(1).split(".");
  if (BRACKETED.test(rest)) return rest.slice(1, -1).split("][");
  return undefined;
}

/** RFC 9110 section 5.6.2, or a claim. */
const HEADER_OR_CLAIM =
  /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|@request\.auth\.claims(?:(?:\.[^.[\]\s]+)+|(?:\[[^[\]]+\])+))$/;

/** What a match may name: a header, or a claim. */
export function headerOrClaim() {
  return z.string().min(1).max(256).regex(HEADER_OR_CLAIM, {
    error:
      "an HTTP field name (RFC 9110 section 5.6.2), or a claim: @request.auth.claims.group, @request.auth.claims[a.b][c]",
  });
}
