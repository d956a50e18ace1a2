/** Headers of answers that no upstream gave: routes change them like those of an upstream's answer. */
import type { RouteMatchResult } from "../decision/route-table.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { applyResponseMutations } from "./route-mutations.ts";

const LOCATION = new HeaderName("location");
const CONTENT_TYPE = new HeaderName("content-type");
export const TEXT_PLAIN = new HeaderField(CONTENT_TYPE, "text/plain");
export const APPLICATION_JSON = new HeaderField(CONTENT_TYPE, "application/json");

/** `match` is undefined where the listener answers before a route was chosen. */
export function ownAnswerHeaders(
  field: HeaderField | undefined,
  match: RouteMatchResult | undefined,
): HeaderBlock {
  const headers = new HeaderBlock();
  if (field !== undefined) headers.add(field);
  if (match !== undefined) applyResponseMutations(match, undefined, headers);
  return headers;
}

export function redirectHeaders(
  location: string,
  match: RouteMatchResult | undefined,
): HeaderBlock {
  return ownAnswerHeaders(new HeaderField(LOCATION, location), match);
}

/** For a body that a route gives. */
export function directHeaders(body: string, match: RouteMatchResult): HeaderBlock {
  return ownAnswerHeaders(body === "" ? undefined : TEXT_PLAIN, match);
}
