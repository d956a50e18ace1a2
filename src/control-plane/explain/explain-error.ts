/** Why a request cannot be explained: what was asked is not there, or may be several things. */

import { nearestName } from "../../resource/nearest-name.ts";
import { apiError } from "../admin-api/api-error.ts";

/** `candidates` are what there is; the nearest is named, or all when there are few. */
export function notFound(message: string, word: string, candidates: readonly string[]): Error {
  return apiError("not_found", message, { hint: choiceHint(word, candidates) });
}

export function badRequest(message: string, hint?: string): Error {
  return apiError("bad_request", message, hint === undefined ? {} : { hint });
}

const LISTED_MAX = 10;

function choiceHint(word: string, candidates: readonly string[]): string {
  const nearest = nearestName(word, candidates);
  if (nearest !== undefined) return `did you mean ${nearest}?`;
  if (candidates.length === 0) return "there is none";
  const listed = candidates.slice(0, LISTED_MAX).join(", ");
  const more = candidates.length - LISTED_MAX;
  return `there are ${listed}${more > 0 ? ` and ${more} more` : ""}`;
}
