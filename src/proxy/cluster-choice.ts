/** Which of a route's weighted clusters one request goes to. */
import type { Prng } from "../core/prng.ts";
import type { RequestView } from "../decision/request-view.ts";
import {
  type ClusterChoice,
  type ClusterSplit,
  choiceAt,
  remainderOf,
} from "../decision/weighted-clusters.ts";

export function chooseCluster(
  split: ClusterSplit,
  request: RequestView,
  prng: Prng,
): ClusterChoice {
  const { choices, randomHeader, total } = split;
  if (choices.length === 1) return choices[0]!;
  const header = randomHeader === "" ? undefined : request.header(randomHeader);
  const given = header === undefined ? undefined : remainderOf(header, total);
  return choiceAt(split, given ?? Math.floor(prng.next() * total));
}
