/** The corpus of HTTP/1.1 once more, over the three other pairs of versions. */
import type { OracleCase, Versions } from "../case.ts";
import { actionCases } from "./actions.ts";
import { filterCases } from "./filters.ts";
import { jwtCases } from "./jwt.ts";
import { malformedCases } from "./malformed.ts";
import { messageCases } from "./messages.ts";
import { routingCases } from "./routing.ts";
import { upgradeCases } from "./upgrades.ts";

/** What these groups are about exists in HTTP/1.1 alone; `http2.ts` asks the like of HTTP/2. */
const HTTP1_GROUPS = ["malformed", "fault", "connection", "upgrade"];

/** Answers that are no messages of HTTP/2, or the same as another one there. */
const HTTP1_ANSWERS = [
  ...["until-close-1.0", "length-1.0", "connection-close", "connection-names-a-header"],
  ...["keep-alive-header", "own-reason", "no-reason", "chunked-in-pieces", "content-length-list"],
  ...["large-chunk", "head-chunked"],
].map((name) => `answer/${name}`);

/** Bodies that differ in chunks alone. */
const HTTP1_BODIES = [
  ...["chunked-upper-case-size", "chunked-leading-zeros", "chunked-extension"],
  ...["chunked-in-capitals", "large-chunks"],
].map((name) => `body/${name}`);

const PAIRS: readonly Versions[] = [
  { downstream: 2, upstream: 1 },
  { downstream: 1, upstream: 2 },
  { downstream: 2, upstream: 2 },
];

/** `h2-h1`: the client speaks HTTP/2, the upstream HTTP/1.1. */
export function prefixOf({ downstream, upstream }: Versions): string {
  return `h${downstream}-h${upstream}`;
}

const general = [
  ...routingCases,
  ...actionCases,
  ...messageCases,
  ...malformedCases,
  ...upgradeCases,
  ...filterCases,
  ...jwtCases,
].filter(
  ({ id }) =>
    !HTTP1_GROUPS.includes(groupOf(id)) && ![...HTTP1_ANSWERS, ...HTTP1_BODIES].includes(id),
);

/** How paths are read has nothing to do with what upstreams speak. */
function isAskedOf({ upstream }: Versions, { id }: OracleCase): boolean {
  return upstream === 1 || !/^(?:paths|slashes)-/.test(id);
}

export const versionCases: readonly OracleCase[] = PAIRS.flatMap((versions) =>
  general
    .filter((wanted) => isAskedOf(versions, wanted))
    .map((wanted) => ({ ...wanted, id: `${prefixOf(versions)}/${wanted.id}`, versions })),
);

function groupOf(id: string): string {
  return id.slice(0, id.lastIndexOf("/"));
}
