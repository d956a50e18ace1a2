/** Which of a route's weighted clusters one request goes to, and what it asks of the choice among its endpoints. */
import type { Prng } from "../core/prng.ts";
import type { HashOrigin } from "../decision/hash-policy.ts";
import type { RequestView } from "../decision/request-view.ts";
import type { ForwardAction } from "../decision/route.ts";
import {
  type ClusterChoice,
  type ClusterSplit,
  choiceAt,
  hashRemainder,
  remainderOf,
} from "../decision/weighted-clusters.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import type { RoutedRequest } from "./routed-request.ts";

const SET_COOKIE = new HeaderName("set-cookie");

/** The choice for one request. What hashes it is mixed in anew by `directPick`, with the same result. */
export function chooseForRequest(
  action: ForwardAction,
  request: RoutedRequest,
  origin: HashOrigin,
  prng: Prng,
): ClusterChoice {
  const { split, hashPolicy } = action;
  if (!split.isByHash || hashPolicy === undefined) return chooseCluster(split, request, prng);
  const { pick } = request;
  hashPolicy.apply(request, origin, pick);
  if (!pick.hasHash) return chooseCluster(split, request, prng);
  return choiceAt(split, hashRemainder(pick.hashHigh, pick.hashLow, split.total));
}

function chooseCluster(split: ClusterSplit, request: RequestView, prng: Prng): ClusterChoice {
  const { choices, randomHeader, total } = split;
  if (choices.length === 1) return choices[0]!;
  const header = randomHeader === "" ? undefined : request.header(randomHeader);
  const given = header === undefined ? undefined : remainderOf(header, total);
  return choiceAt(split, given ?? Math.floor(prng.next() * total));
}

/** Before the route changes the request: it is hashed as it came. */
export function directPick(
  action: ForwardAction,
  choice: ClusterChoice,
  request: RoutedRequest,
  origin: HashOrigin,
): void {
  request.pick.subset = choice.subset;
  action.hashPolicy?.apply(request, origin, request.pick);
}

/** The client gets the cookie by which its next request goes the same way. */
export function addHashCookie(
  { hashPolicy }: ForwardAction,
  request: RoutedRequest,
  headers: HeaderBlock,
): void {
  const cookie = hashPolicy === undefined ? "" : request.pick.cookie;
  if (cookie !== "") headers.add(new HeaderField(SET_COOKIE, cookie));
}
