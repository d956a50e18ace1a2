/** Issuers by where their tokens stand: those of a group can meet in one place. */
import type { JwtRule } from "../../resource/kinds/request-authentication.ts";

interface PlacedRule {
  readonly rule: Pick<JwtRule, "fromHeaders" | "fromParams" | "fromCookies">;
}

/** Groups and their members in the order of the rules. */
export function bySharedPlace<T extends PlacedRule>(
  rules: readonly T[],
): readonly (readonly T[])[] {
  let groups: { readonly members: readonly T[]; readonly places: ReadonlySet<string> }[] = [];
  for (const rule of rules) {
    const places = placesOf(rule);
    const touched = groups.filter((group) => places.some((place) => group.places.has(place)));
    const joined = {
      members: [...touched.flatMap(({ members }) => members), rule],
      places: new Set([...touched.flatMap((group) => [...group.places]), ...places]),
    };
    groups = [...groups.filter((group) => !touched.includes(group)), joined];
  }
  return groups.map(({ members }) => members);
}

/** Without any place: those of RFC 6750, as Envoy has it. */
function placesOf({ rule: { fromHeaders, fromParams, fromCookies } }: PlacedRule): string[] {
  const places = [
    ...fromHeaders.map(({ name }) => `header ${name.toLowerCase()}`),
    ...fromParams.map((name) => `parameter ${name}`),
    ...fromCookies.map((name) => `cookie ${name}`),
  ];
  return places.length > 0 ? places : ["header authorization", "parameter access_token"];
}
