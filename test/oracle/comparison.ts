/** Where two proxies did not do the same, field by field, and which listed difference explains it. */
import type { Difference, Sighting } from "./difference.ts";
import type { Observation } from "./observation.ts";
import type { ForBoth } from "./proxy-pair.ts";

export interface Mismatch {
  readonly caseId: string;
  /** `responses.0.status`. */
  readonly field: string;
  /** Undefined: the proxy has no such field. */
  readonly envoy: string | undefined;
  readonly tulle: string | undefined;
}

export function mismatchesOf(caseId: string, { envoy, tulle }: ForBoth<Observation>): Mismatch[] {
  const fields = new Set([...envoy.keys(), ...tulle.keys()]);
  return [...fields]
    .map((field) => ({ caseId, field, envoy: envoy.get(field), tulle: tulle.get(field) }))
    .filter(({ field, envoy, tulle }) => envoy !== tulle || field === "failure");
}

/** What became of a case, in a line: `200 from alpha, open`. */
export function outcomeOf(observed: Observation): string {
  const failure = observed.get("failure");
  if (failure !== undefined) return failure;
  if (observed.has("upstreams")) return `${observed.get("upstreams")}, ${observed.get("end")}`;
  const statuses: string[] = [];
  for (let i = 0; observed.has(`responses.${i}.status`); i++) {
    const isWhole = observed.get(`responses.${i}.complete`) === "true";
    const reset = observed.get(`responses.${i}.reset`);
    const end = isWhole ? "" : reset === undefined ? " cut short" : ` reset by ${reset}`;
    statuses.push(`${observed.get(`responses.${i}.status`)}${end}`.trim());
  }
  const clusters: string[] = [];
  for (let i = 0; observed.has(`upstream.${i}.cluster`); i++) {
    clusters.push(observed.get(`upstream.${i}.cluster`) ?? "");
  }
  const answer = statuses.length === 0 ? "nothing" : statuses.join("+");
  const from = clusters.length === 0 ? "" : ` from ${clusters.join("+")}`;
  return `${answer}${from}, ${observed.get("connection")}`;
}

/** Holds what was seen against the list, and remembers what of the list was seen. */
export class Explainer {
  readonly #differences: readonly Difference[];
  readonly #seen = new Map<Sighting, Set<string>>();

  constructor(differences: readonly Difference[]) {
    this.#differences = differences;
  }

  /** The mismatches that nothing explains. */
  unexplained(
    caseId: string,
    mismatches: readonly Mismatch[],
    observed: ForBoth<Observation>,
  ): readonly Mismatch[] {
    if (mismatches.length === 0) return mismatches;
    const sightings = this.#differences.flatMap((difference) => difference.seen);
    const outcomes = { envoy: outcomeOf(observed.envoy), tulle: outcomeOf(observed.tulle) };
    const isWhollyExplained = sightings
      .filter((sighting) => isOutcomeSeen(sighting, caseId, outcomes))
      .map((sighting) => this.#note(sighting, caseId))
      .some(Boolean);
    if (isWhollyExplained) return [];
    return mismatches.filter((mismatch) => {
      const explaining = sightings.filter((sighting) => isFieldSeen(sighting, mismatch));
      for (const sighting of explaining) this.#note(sighting, caseId);
      return explaining.length === 0;
    });
  }

  /** Listed sightings that were not seen: the list is out of date. */
  get unseen(): readonly string[] {
    return this.#differences.flatMap(({ id, seen }) =>
      seen.flatMap((sighting) => {
        const cases = this.#seen.get(sighting) ?? new Set();
        if (sighting.cases === "any") return cases.size > 0 ? [] : [`${id}: in no case`];
        return sighting.cases.filter((name) => !cases.has(name)).map((name) => `${id}: ${name}`);
      }),
    );
  }

  #note(sighting: Sighting, caseId: string): true {
    const cases = this.#seen.get(sighting) ?? new Set();
    this.#seen.set(sighting, cases.add(caseId).add(withoutVersions(caseId)));
    return true;
  }
}

function isOutcomeSeen(sighting: Sighting, caseId: string, outcomes: ForBoth<string>): boolean {
  return (
    sighting.field === undefined &&
    (sighting.cases === "any" || isAmong(sighting.cases, caseId)) &&
    sighting.envoy === outcomes.envoy &&
    sighting.tulle === outcomes.tulle
  );
}

function isFieldSeen(sighting: Sighting, { caseId, field, envoy, tulle }: Mismatch): boolean {
  if (sighting.field === undefined) return false;
  if (sighting.cases !== "any" && !isAmong(sighting.cases, caseId)) return false;
  return (
    sighting.field.test(field) && isLike(sighting.envoy, envoy) && isLike(sighting.tulle, tulle)
  );
}

/** `path/exact` for `h2-h1/path/exact`. */
export function withoutVersions(caseId: string): string {
  return caseId.replace(/^h[12]-h[12]\//, "");
}

/** A difference of a case may show in the same case over other versions of HTTP, too. */
function isAmong(cases: readonly string[], caseId: string): boolean {
  return cases.includes(caseId) || cases.includes(withoutVersions(caseId));
}

/** `undefined` in the list means that the proxy has no such field. */
function isLike(expected: RegExp | undefined, found: string | undefined): boolean {
  return expected === undefined ? found === undefined : found !== undefined && expected.test(found);
}
