/**
 * What some scenarios vary: each variant is measured beside the others by the same proxy in the same round, so that what
 * a request costs more is what the configuration costs.
 */

import { TOKEN_FIELD } from "./user-token.ts";

/** What is asked for where nothing else is said. */
export const ROOT_PATH = "/";

export interface Variant {
  /** As the report has it; empty in scenarios of one variant. */
  readonly name: string;
  /** 1: one for all paths. More: half by exact path, half by prefix. */
  readonly routes: number;
  /** How many paths requests go through in turn, one for each route where there are more routes than one. */
  readonly paths: number;
  /** Routes lead to them in turn. */
  readonly clusters: number;
  /** Of each cluster. 1: the backend itself. More: addresses of the loopback network, which all lead to one backend. */
  readonly endpoints: number;
  readonly balancer: "round-robin" | "peak-ewma";
  /** How many endpoints of each cluster the proxy uses; all of them when absent. Envoy uses all in any case. */
  readonly subset?: number;
  /** `told`: answers tell clients of their rate limit, too. */
  readonly policies: "off" | "on" | "told";
  /** Requests have a user's token: one that nobody asks for, or one that is verified. */
  readonly token?: "ignored" | "verified";
  /** `on`: 100 authorization policies with 1,000 rules, of which the last one allows the requests. */
  readonly authorization?: "on";
  /** What is told of requests beside metrics: spans of one trace in a hundred, or a line of JSON of each. */
  readonly telemetry?: "traces" | "logs";
  /** Names of the variants that it is compared with; the first one when absent. */
  readonly against?: readonly string[];
}

export type Variants = readonly [Variant, ...Variant[]];

/** The most endpoints of a variant, those of all its clusters together: the backend listens on so many addresses. */
export const ENDPOINTS_MAX = 1_000;

const PLAIN: Variant = {
  ...{ name: "", routes: 1, paths: 1, clusters: 1, endpoints: 1 },
  ...{ balancer: "round-robin", policies: "off" },
};

export const ONE_VARIANT: Variants = [PLAIN];

const TEN_PATHS: Variant = { ...PLAIN, paths: 10 };
/** All of them have the same paths asked for: only the configuration differs. */
export const POLICY_VARIANTS: Variants = [
  { ...TEN_PATHS, name: "off" },
  { ...TEN_PATHS, name: "on", routes: 10, policies: "on" },
  { ...TEN_PATHS, name: "on-told", routes: 10, policies: "told" },
];

/** The same token with each request: it is verified once, and known from then on. */
export const TOKEN_VARIANTS: Variants = [
  { ...PLAIN, name: "off", token: "ignored" },
  { ...PLAIN, name: "on", token: "verified" },
];

export const AUTHORIZATION_VARIANTS: Variants = [
  { ...PLAIN, name: "off" },
  { ...PLAIN, name: "on", authorization: "on" },
];

export const TELEMETRY_VARIANTS: Variants = [
  { ...PLAIN, name: "off" },
  { ...PLAIN, name: "traces", telemetry: "traces" },
  { ...PLAIN, name: "logs", telemetry: "logs" },
];

export const ROUTE_VARIANTS: Variants = [
  { ...PLAIN, name: "10", routes: 10, paths: 10 },
  { ...PLAIN, name: "1000", routes: 1_000, paths: 1_000 },
];

/**
 * A thousand endpoints are a thousand connections, which fit no cache of a processor whoever chooses among them. A hundred
 * clusters of ten are as many connections with few to choose from.
 */
function endpointVariants(balancer: Variant["balancer"]): Variants {
  const variant = { ...PLAIN, balancer, routes: 100, paths: 100 };
  return [
    { ...variant, name: "10", endpoints: 10 },
    { ...variant, name: "100x10", clusters: 100, endpoints: 10 },
    { ...variant, name: "1000", endpoints: ENDPOINTS_MAX, against: ["10", "100x10"] },
    { ...variant, name: "1000-subset", endpoints: ENDPOINTS_MAX, subset: 100 },
  ];
}

export const ENDPOINT_VARIANTS: Variants = endpointVariants("round-robin");
export const EWMA_VARIANTS: Variants = endpointVariants("peak-ewma");

/** Names of the variants that one is divided by. */
export function comparedWith([first]: Variants, { name, against }: Variant): readonly string[] {
  return against ?? (name === first.name ? [] : [first.name]);
}

/** What a route matches. Names are of one length, so that only their number differs. */
export type PathMatch = { readonly path: string } | { readonly prefix: string };

/** One for each route of a variant with more than one. */
export function matchesOf({ routes }: Variant): readonly PathMatch[] {
  return Array.from({ length: routes }, (_, index) =>
    isExact(index) ? { path: pathAt(index) } : { prefix: `${folderAt(index)}/` },
  );
}

/** The paths that are asked for. Each leads to another route where there are several. */
export function pathsOf({ paths }: Variant): readonly string[] {
  if (paths === 1) return [ROOT_PATH];
  return Array.from({ length: paths }, (_, index) => pathAt(index));
}

/** Fields that each request has beyond those of the load generator. */
export function fieldsOf({ token }: Variant): readonly string[] {
  return token === undefined ? [] : [TOKEN_FIELD];
}

/** An address of the loopback network for each endpoint of a cluster. */
export function addressesOf(
  { endpoints }: Pick<Variant, "endpoints">,
  cluster = 0,
): readonly string[] {
  if (endpoints === 1) return ["127.0.0.1"];
  return Array.from({ length: endpoints }, (_, place) => {
    const index = cluster * endpoints + place;
    return `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
  });
}

function isExact(index: number): boolean {
  return index % 2 === 0;
}

function pathAt(index: number): string {
  return `${folderAt(index)}/items/7`;
}

function folderAt(index: number): string {
  return `/${isExact(index) ? "shelf" : "store"}-${String(index).padStart(4, "0")}`;
}
