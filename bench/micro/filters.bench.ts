/** What HTTP filters cost a request: the run over them by itself, then faults, CORS and the look into a cache. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { bench, do_not_optimize, group } from "mitata";
import { ManualClock } from "../../src/core/clock.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import { TimerWheel } from "../../src/core/timer-wheel.ts";
import type { FieldError } from "../../src/decision/field-error.ts";
import type { CacheRule } from "../../src/decision/filters/cache-rule.ts";
import { type CorsRule, compileCorsPolicy } from "../../src/decision/filters/cors-rule.ts";
import { compileFault, type FaultRule } from "../../src/decision/filters/fault-rule.ts";
import type { RouteFilterRule } from "../../src/decision/filters/filter-rule.ts";
import type { RouteMatchResult } from "../../src/decision/route-table.ts";
import { CorsPolicySchema } from "../../src/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import { HTTPFaultSchema } from "../../src/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { RequestHead } from "../../src/http/request-head.ts";
import { cacheIdentity, cacheUri } from "../../src/proxy/cache/cache-key.ts";
import { StoredResponse } from "../../src/proxy/cache/stored-response.ts";
import { ExchangeAnswer } from "../../src/proxy/exchange-answer.ts";
import { CacheFilter } from "../../src/proxy/filters/cache-filter.ts";
import { CorsFilter } from "../../src/proxy/filters/cors-filter.ts";
import { FaultFilter } from "../../src/proxy/filters/fault-filter.ts";
import type { FilterChain } from "../../src/proxy/filters/filter-chain.ts";
import { createFilterMetrics } from "../../src/proxy/filters/filter-metrics.ts";
import { FilterRun, type FilterRunOwner } from "../../src/proxy/filters/filter-run.ts";
import type { FilterServices } from "../../src/proxy/filters/filter-services.ts";
import { GO_ON, type HttpFilter } from "../../src/proxy/filters/http-filter.ts";
import type { HttpServer } from "../../src/proxy/http-server.ts";
import { type RequestOrigin, RequestOutcome } from "../../src/proxy/request-outcome.ts";
import type { RequestRoute } from "../../src/proxy/request-route.ts";
import { RoutedRequest } from "../../src/proxy/routed-request.ts";
import type { ServerStream } from "../../src/proxy/stream.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
/** Responses in the cache. */
const STORED = 1_000;

const timers = new TimerWheel(new ManualClock(), 1);
const services = {
  ...{ nowMs: () => 1_000, wallMs: () => NOW_MS, prng: new SeededPrng(1), timers, workers: 1 },
  metrics: createFilterMetrics(new MetricRegistry()),
  requestInBackground: () => false,
} as unknown as FilterServices;

const origin = {
  connection: {
    ...{ scheme: "http", isHttp2: false, remoteAddress: "10.0.0.1" },
    peerPrincipal: "spiffe://mesh/ns/shop/sa/storefront",
  },
} as unknown as RequestOrigin;

const SOME_FIELDS = { accept: "*/*", "user-agent": "bench", "x-request-id": "1" };

function requestOf(method: string, path: string, fields: Readonly<Record<string, string>>) {
  const head = new RequestHead();
  head.method = method;
  head.target = path;
  head.authority = "catalog";
  for (const [name, value] of Object.entries({ ...SOME_FIELDS, ...fields })) {
    head.headers.add(new HeaderField(new HeaderName(name), value));
  }
  const request = new RoutedRequest(origin);
  request.begin(head);
  request.path = path;
  return request;
}

function matchOf(filterRules?: ReadonlyMap<string, RouteFilterRule>): RouteMatchResult {
  const route = { name: "r", action: { kind: "forward" }, filterRules };
  return { route } as unknown as RouteMatchResult;
}

/** An exchange whose upstream and client are not there: what is written goes nowhere. */
function ownerOf(request: RoutedRequest, match: RouteMatchResult): FilterRunOwner {
  const outcome = new RequestOutcome(origin);
  outcome.begin(request.head, "HTTP/1.1", 0);
  const route = { match, cluster: "catalog" } as RequestRoute;
  const nothing = (): void => undefined;
  return {
    ...{ request, outcome, route },
    answer: new ExchangeAnswer({} as ServerStream, {} as HttpServer, outcome),
    ...{ onFiltersPassed: nothing, reply: nothing, sendOwn: nothing, sendStored: nothing },
    ...{
      take: () => true,
      takeEnd: nothing,
      transformRequest: nothing,
      breakOff: nothing,
      resumeAnswer: nothing,
    },
    ...{ onAnswerSent: nothing },
    onFault: (error) => {
      throw error;
    },
  };
}

function chainOf(...filters: readonly HttpFilter[]): FilterChain {
  return filters.map((filter, index) => ({
    ...{ name: `filter-${index}`, filter, isDisabled: false },
    entry: {} as FilterChain[number]["entry"],
  }));
}

/** One request after the other through the filters, each from its start to its end. */
function benchRun(
  name: string,
  filters: FilterChain,
  request: RoutedRequest,
  match: RouteMatchResult = matchOf(),
): void {
  const owner = ownerOf(request, match);
  const run = new FilterRun(owner, { timers: { request: timers }, clusters: new Map() });
  bench(name, () => {
    owner.answer.begin(undefined);
    run.begin(filters);
    run.cancel();
  });
}

const plain = requestOf("GET", "/items/7", {});

group("a run over filters that let every request pass", () => {
  const pass: HttpFilter = { onRequest: () => GO_ON };
  benchRun("none", [], plain);
  benchRun("one", chainOf(pass), plain);
  benchRun("three", chainOf(pass, pass, pass), plain);
  const off = new Map<string, RouteFilterRule>([
    ["filter-0", "disabled"],
    ["filter-2", "disabled"],
  ]);
  benchRun("three, two of them off for the route", chainOf(pass, pass, pass), plain, matchOf(off));
});

function faultOf(fault: JsonObject): FilterChain {
  const errors: FieldError[] = [];
  const any = anyPack(HTTPFaultSchema, fromJson(HTTPFaultSchema, fault));
  const rule = compileFault(any, "", errors) as FaultRule;
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return chainOf(new FaultFilter(rule, services));
}

group("faults", () => {
  const abort = (numerator: number): JsonObject => ({
    abort: { http_status: 503, percentage: { numerator } },
  });
  const headers = [{ name: "x-user", string_match: { exact: "tester" } }];
  benchRun("for the requests of others", faultOf({ ...abort(100), headers }), plain);
  benchRun("for no request by chance", faultOf(abort(0)), plain);
  benchRun("an answer instead", faultOf(abort(100)), plain);
  const delay = { fixed_delay: "1s", percentage: { numerator: 100 } };
  benchRun("a delay that its client does not wait for", faultOf({ delay }), plain);
});

group("CORS", () => {
  const policy = fromJson(CorsPolicySchema, {
    allow_origin_string_match: [{ exact: "https://shop.example" }, { suffix: ".shop.example" }],
    ...{ allow_methods: "GET,PUT", allow_headers: "x-user", max_age: "600" },
  });
  const rule = compileCorsPolicy(anyPack(CorsPolicySchema, policy), "", []) as CorsRule;
  const filters = chainOf(new CorsFilter(rule, services));
  const browser = { origin: "https://www.shop.example" };
  const asks = { "access-control-request-method": "PUT" };
  benchRun("no Origin", filters, plain);
  benchRun("an origin that may", filters, requestOf("GET", "/items/7", browser));
  benchRun("a preflight", filters, requestOf("OPTIONS", "/items/7", { ...browser, ...asks }));
});

const CACHE: CacheRule = {
  ...{ kind: "cache", tests: [], isShared: false, defaultTtlMs: 0, isHeuristic: false },
  ...{ staleWhileRevalidateMs: 0, staleIfErrorMs: 0, bytesMax: 2 ** 26, objectBytesMax: 2 ** 20 },
  ...{ waitMs: 5_000, keyHeaders: [], ignoredQuery: new Set<string>(), tagHeader: "", purges: [] },
  targetedFields: ["cdn-cache-control"],
};

function filledCache(rule: CacheRule): CacheFilter {
  const filter = new CacheFilter(rule, services);
  const fields = { "content-type": "text/plain", "cache-control": "max-age=600" };
  for (let index = 0; index < STORED; index++) {
    const request = requestOf("GET", `/items/${index}`, {});
    const uri = cacheUri(request, rule);
    const identity = cacheIdentity(origin.connection, request, rule);
    const response = new StoredResponse(
      { uri, identity, varyNames: [], varyValues: "" },
      { status: 200, reason: "OK", ageMs: 0 },
      Object.entries(fields).map(([name, value]) => new HeaderField(new HeaderName(name), value)),
      Buffer.alloc(66),
      [],
      rule,
      NOW_MS,
    );
    if (!filter.storeOf(rule).put(response)) throw new Error("the cache is too small");
  }
  return filter;
}

group(`a cache of ${STORED} responses`, () => {
  const cache = filledCache(CACHE);
  const filters = chainOf(cache);
  const call = new FilterRun(ownerOf(plain, matchOf()), {
    timers: { request: timers },
    clusters: new Map(),
  });
  const uri = cacheUri(plain, CACHE);
  const identity = cacheIdentity(origin.connection, plain, CACHE);
  bench("the look for a response", () => do_not_optimize(cache.find(CACHE, uri, identity, call)));
  benchRun("a hit", filters, plain);
  benchRun("a miss, up to the upstream", filters, requestOf("GET", "/others/7", {}));
  benchRun(
    "a miss of a user, whose secret is hashed",
    filters,
    requestOf("GET", "/items/7", { authorization: "Bearer a" }),
  );
  const off: CacheRule = { ...CACHE, tests: [(request) => request.header("x-user") !== undefined] };
  benchRun("requests of others", chainOf(filledCache(off)), plain);
});
