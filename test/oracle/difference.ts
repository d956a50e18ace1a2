/** How a difference between the proxies is written down, so that it can be checked and printed. */

/**
 * Where a difference shows. Either one field, with what each proxy has in it (`undefined`: nothing), or the
 * outcome of whole cases, in the words of `outcomeOf`: then all that follows from it is explained, too. A case
 * stands for the same case over other versions of HTTP as well: `path/exact` for `h2-h1/path/exact`.
 */
export type Sighting =
  | {
      readonly cases: readonly string[] | "any";
      readonly field: RegExp;
      readonly envoy: RegExp | undefined;
      readonly tulle: RegExp | undefined;
    }
  | {
      readonly cases: readonly string[] | "any";
      readonly field?: undefined;
      readonly envoy: string;
      readonly tulle: string;
    };

export interface Difference {
  /** Unique; the heading on the reference page. */
  readonly id: string;
  /** What each proxy does, as sentences. */
  readonly envoy: string;
  readonly tulle: string;
  readonly reason: string;
  readonly seen: readonly Sighting[];
}
