/**
 * What many paths have in common: segments that look like ids become `{*}`, so that observed traffic is told in rows and
 * policies that a person reads. Words stay as they are, unless there are so many beside each other that they must be names
 * of things.
 */
import { groupBy } from "../../core/group-by.ts";

/** One segment, in templates of policies. */
export const ANY_SEGMENT = "{*}";
/** Values of one segment that are kept apart. An API has a few words at one place; what has more has names of things there. */
const SIBLINGS_MAX = 16;

const NUMBER = /^\d+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^[0-9a-f]{12,}$/i;
/** ULIDs, KSUIDs, nanoids and the like. */
const TOKEN = /^[A-Za-z0-9_-]{20,}$/;
const DIGIT = /\d/;

/** What a template can say beside its stars: RFC 3986 section 3.3, without the star. */
const LITERAL_PATH = /^\/[a-zA-Z0-9\-._~%!$&'()+,;:@=/]*$/;

/** `/items/7/parts` is `/items/{*}/parts`. `path` is without query. */
export function pathShape(path: string): string {
  if (!DIGIT.test(path)) return path;
  return path
    .split("/")
    .map((segment) => (isId(segment) ? ANY_SEGMENT : segment))
    .join("/");
}

/** Whether a policy can name paths of this shape, and nothing else by it. */
export function isExpressible(shape: string): boolean {
  const literal = shape.replaceAll(ANY_SEGMENT, "");
  return literal === shape ? !/[*{}]/.test(shape) : LITERAL_PATH.test(literal);
}

/** For each shape what it becomes when places with many different words are taken for names. */
export function foldSiblings(shapes: readonly string[]): ReadonlyMap<string, string> {
  const paths = [...new Set(shapes)].map((shape) => ({ shape, segments: shape.split("/") }));
  foldFrom(paths, 1);
  return new Map(paths.map(({ shape, segments }) => [shape, segments.join("/")]));
}

interface SplitPath {
  readonly shape: string;
  readonly segments: string[];
}

/** All of `paths` are alike before `depth`. */
function foldFrom(paths: readonly SplitPath[], depth: number): void {
  const there = paths.filter(({ segments }) => segments.length > depth);
  if (there.length === 0) return;
  // The empty segment of a path that ends with a slash is no name.
  const words = new Set(there.map(({ segments }) => segments[depth] ?? ""));
  words.delete("");
  if (words.size > SIBLINGS_MAX) {
    for (const { segments } of there) if (segments[depth] !== "") segments[depth] = ANY_SEGMENT;
  }
  const groups = groupBy(there, ({ segments }) => segments[depth]);
  for (const group of groups.values()) foldFrom(group, depth + 1);
}

function isId(segment: string): boolean {
  if (!DIGIT.test(segment)) return false;
  return NUMBER.test(segment) || UUID.test(segment) || HEX.test(segment) || isToken(segment);
}

/** Long words with numbers in them, as `monthly-report-of-2026`, have more letters beside each other than chance gives. */
function isToken(segment: string): boolean {
  return TOKEN.test(segment) && !/[a-z]{5,}/.test(segment);
}
