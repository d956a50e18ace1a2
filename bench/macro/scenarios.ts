/** What each scenario is: who speaks what to whom, under which load, with which proxies. */
import type { ProxyName, ScenarioName } from "./names.ts";
import {
  AUTHORIZATION_VARIANTS,
  ENDPOINT_VARIANTS,
  EWMA_VARIANTS,
  ONE_VARIANT,
  POLICY_VARIANTS,
  ROUTE_VARIANTS,
  TELEMETRY_VARIANTS,
  TOKEN_VARIANTS,
  type Variants,
} from "./variants.ts";

export type Protocol = "http1" | "http2";

/** What the load asks for: 66 bytes, 1 MB, a unary gRPC call, or nothing after a first request. */
export type RequestKind = "small" | "megabyte" | "grpc" | "idle";

export interface Load {
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly streams: number;
}

export interface Scenario {
  readonly title: string;
  readonly proxies: readonly ProxyName[];
  /** One proxy, or two in a row with mutual TLS 1.3 between them. */
  readonly hops: 1 | 2;
  /** Between the load generator and the first proxy. */
  readonly client: Protocol;
  /** Between the two proxies. nginx can only speak HTTP/1.1 there. */
  readonly between: Protocol;
  /** Between the last proxy and the backend. */
  readonly backend: Protocol;
  readonly request: RequestKind;
  /** `connections`: as many loads as the command line names numbers of connections. */
  readonly loads: readonly Load[] | "connections";
  /** What the scenario compares, or the one that there is. */
  readonly variants: Variants;
}

export const MEGABYTE = 1_000_000;
export const IDLE_CONNECTIONS = 1_000;

const ALL: readonly ProxyName[] = ["tulle", "nginx", "haproxy", "envoy"];
/** Those that speak HTTP/2 to an upstream. */
const MULTIPLEXING: readonly ProxyName[] = ["tulle", "haproxy", "envoy"];
const EIGHT_BY_EIGHT: readonly Load[] = [{ connections: 8, streams: 8 }];
/** Many at once, too: fewer than Envoy admits by itself. */
const FEW_AND_MANY: readonly Load[] = [...EIGHT_BY_EIGHT, { connections: 16, streams: 50 }];
/** Those that start from the same bootstrap file. */
const XDS: readonly ProxyName[] = ["tulle", "envoy"];
const THIRTY_TWO: readonly Load[] = [{ connections: 32, streams: 1 }];
const EIGHT: readonly Load[] = [{ connections: 8, streams: 1 }];
const PARKED: readonly Load[] = [{ connections: IDLE_CONNECTIONS, streams: 1 }];

const PLAIN = {
  proxies: ALL,
  hops: 1,
  client: "http1",
  between: "http1",
  backend: "http1",
  variants: ONE_VARIANT,
} as const;
/** One proxy under one load, in several configurations. */
const VARIED = { ...PLAIN, proxies: XDS, request: "small", loads: THIRTY_TWO } as const;
const CHAIN = { ...PLAIN, hops: 2, between: "http2" } as const;

export const SCENARIO_TABLE: Readonly<Record<ScenarioName, Scenario>> = {
  plain: {
    ...PLAIN,
    title: "one proxy, HTTP/1.1, clear text",
    ...{ request: "small", loads: "connections" },
  },
  h2c: {
    ...PLAIN,
    title: "one proxy, HTTP/2 on both sides, clear text",
    ...{ proxies: MULTIPLEXING, client: "http2", backend: "http2" },
    ...{ request: "small", loads: FEW_AND_MANY },
  },
  chain: {
    ...CHAIN,
    title:
      "two proxies, HTTP/1.1 outside, mutual TLS 1.3 and HTTP/2 between them (nginx: HTTP/1.1)",
    ...{ request: "small", loads: "connections" },
  },
  "chain-h1": {
    ...CHAIN,
    title: "two proxies, HTTP/1.1 outside, mutual TLS 1.3 and HTTP/1.1 between them",
    ...{ between: "http1", request: "small", loads: "connections" },
  },
  bodies: {
    ...PLAIN,
    title: "bodies of 1 MB through one proxy, HTTP/1.1, clear text",
    ...{ request: "megabyte", loads: EIGHT },
  },
  "bodies-chain": {
    ...CHAIN,
    title: "bodies of 1 MB through two proxies, connected as in chain",
    ...{ request: "megabyte", loads: EIGHT },
  },
  grpc: {
    ...CHAIN,
    title: "unary gRPC through two proxies, HTTP/2 throughout, mutual TLS 1.3 between them",
    ...{ proxies: MULTIPLEXING, client: "http2", backend: "http2" },
    ...{ request: "grpc", loads: EIGHT_BY_EIGHT },
  },
  policies: {
    ...VARIED,
    title:
      "plain, without policies and with ten routes, retries, outlier detection, circuit breakers and a local rate limit",
    variants: POLICY_VARIANTS,
  },
  jwt: {
    ...VARIED,
    title: "plain, with a user's token that nobody asks for, and with the same token verified",
    variants: TOKEN_VARIANTS,
  },
  authorization: {
    ...VARIED,
    title:
      "plain, without authorization and with 100 policies of 1,000 rules, the last of which allows",
    variants: AUTHORIZATION_VARIANTS,
  },
  telemetry: {
    ...VARIED,
    title:
      "plain, with metrics alone, with one trace in a hundred, and with a line of JSON for each request",
    variants: TELEMETRY_VARIANTS,
  },
  routes: {
    ...VARIED,
    title: "plain, with 10 and with 1,000 routes, which requests go through in turn",
    variants: ROUTE_VARIANTS,
  },
  endpoints: {
    ...VARIED,
    title: "plain, with 10, 100 times 10, 1,000 endpoints and 100 used of 1,000, round robin",
    variants: ENDPOINT_VARIANTS,
  },
  "endpoints-ewma": {
    ...VARIED,
    title:
      "plain, with 10, 100 times 10, 1,000 endpoints and 100 used of 1,000, peak EWMA (Envoy: least request, all used)",
    variants: EWMA_VARIANTS,
  },
  memory: {
    ...PLAIN,
    title: `memory of one proxy and of ${IDLE_CONNECTIONS} idle connections, HTTP/1.1`,
    ...{ request: "idle", loads: PARKED },
  },
  "memory-h2": {
    ...PLAIN,
    title: `memory of one proxy and of ${IDLE_CONNECTIONS} idle connections, HTTP/2`,
    ...{ client: "http2", request: "idle", loads: PARKED },
  },
};

/** What this proxy speaks between the two of a chain. */
export function protocolBetween(scenario: Scenario, proxy: ProxyName): Protocol {
  return proxy === "nginx" ? "http1" : scenario.between;
}

export function hasVariants({ variants }: Pick<Scenario, "variants">): boolean {
  return variants.length > 1;
}

/** The loads of a scenario, for these numbers of connections where it takes them. */
export function loadsOf(scenario: Scenario, connections: readonly number[]): readonly Load[] {
  if (scenario.loads !== "connections") return scenario.loads;
  return connections.map((count) => ({ connections: count, streams: 1 }));
}
