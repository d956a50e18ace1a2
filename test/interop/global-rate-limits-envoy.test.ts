/**
 * Global rate limits beside a real Envoy: the same listener, requests and service, whether the control plane's own or
 * one that says something unusual. Both proxies must ask the service the same, and give clients the same answers.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, type JsonObject, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { MemoryCounter } from "../../src/control-plane/rate-limit/memory-counter.ts";
import {
  decide,
  SHOULD_RATE_LIMIT_METHOD,
} from "../../src/control-plane/rate-limit/rate-limit-service.ts";
import {
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitResponseSchema,
} from "../../src/gen/envoy/service/ratelimit/v3/rls_pb.js";
import type { RateLimitPolicy } from "../../src/resource/kinds/rate-limit-policy.ts";
import { rateLimitPolicyKind } from "../../src/resource/kinds/rate-limit-policy.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { bootstrapOf, type ListenerSpec, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const NAME = "envoy.filters.http.ratelimit";

interface Ask {
  readonly method?: string;
  readonly headers?: readonly string[];
}

type Scripted = MessageInitShape<typeof RateLimitResponseSchema> | "fails";

interface Case {
  /** Fields of the filter. */
  readonly filter?: JsonObject;
  /** `rate_limits` of the route, and of the virtual host. */
  readonly limits?: readonly JsonObject[];
  readonly ofHost?: readonly JsonObject[];
  /** What the route says to the filter. */
  readonly ofRoute?: JsonObject;
  /** The action in place of a cluster. */
  readonly action?: JsonObject;
  /** What the service says; undefined: what the control plane's does. */
  readonly answer?: Scripted;
  readonly asks: readonly Ask[];
}

const generic = (value: string): JsonObject => ({
  generic_key: { descriptor_key: "rule", descriptor_value: value },
});
const header = (name: string, key: string): JsonObject => ({
  request_headers: { header_name: name, descriptor_key: key },
});
const list = (...actions: readonly JsonObject[]): JsonObject => ({ actions: [...actions] });
const user = (name: string): Ask => ({ headers: [`X-User: ${name}`] });
const told = { enable_x_ratelimit_headers: "DRAFT_VERSION_03" };
const grpc: Ask = { method: "POST", headers: ["Content-Type: application/grpc"] };
const OVER = 2;
const OK = 1;
const FAILING = { answer: "fails", limits: [list(generic("all"))] } as const;

const CASES: Readonly<Record<string, Case>> = {
  "built-in": {
    filter: told,
    limits: [list(generic("all")), list(generic("each"), header("x-user", "user"))],
    asks: [{}, user("a"), user("a"), user("b"), user("c"), user("d")],
  },
  "nothing-to-ask": { limits: [list(header("x-user", "user"))], asks: [{}] },
  "no-limits": { asks: [{}] },
  "host-overridden": {
    limits: [list(generic("of-route"))],
    ofHost: [list(generic("of-host"))],
    asks: [{}],
  },
  "host-alone": { ofHost: [list(generic("of-host"))], asks: [{}] },
  "host-included": {
    limits: [list(generic("of-route"))],
    ofHost: [list(generic("of-host"))],
    ofRoute: { vh_rate_limits: "INCLUDE", domain: "other" },
    asks: [{}],
  },
  "host-ignored": {
    ofHost: [list(generic("of-host"))],
    ofRoute: { vh_rate_limits: "IGNORE" },
    asks: [{}],
  },
  "other-stage": {
    filter: { stage: 1 },
    limits: [list(generic("zero")), { stage: 1, ...list(generic("one")) }],
    asks: [{}],
  },
  "only-other-stages": {
    filter: { stage: 2 },
    limits: [list(generic("zero"))],
    ofHost: [{ stage: 2, ...list(generic("of-host")) }],
    asks: [{}],
  },
  external: { filter: { request_type: "external" }, limits: [list(generic("x"))], asks: [{}] },
  internal: { filter: { request_type: "internal" }, limits: [list(generic("x"))], asks: [{}] },
  "direct-response": {
    action: { direct_response: { status: 204 } },
    ofHost: [list(generic("x"))],
    asks: [{}],
  },
  "over-limit": {
    limits: [list(generic("x"))],
    answer: {
      overallCode: OVER,
      responseHeadersToAdd: [{ key: "x-from-service", value: "1" }],
      requestHeadersToAdd: [{ key: "x-for-app", value: "1" }],
    },
    asks: [{}],
  },
  "over-limit-otherwise": {
    filter: {
      rate_limited_status: { code: 503 },
      disable_x_envoy_ratelimited_header: true,
      response_headers_to_add: [{ header: { key: "x-why", value: "limits" } }],
    },
    limits: [list(generic("x"))],
    answer: { overallCode: OVER },
    asks: [{}],
  },
  "status-too-low": {
    filter: { rate_limited_status: { code: 204 } },
    limits: [list(generic("x"))],
    answer: { overallCode: OVER },
    asks: [{}],
  },
  "ok-with-headers": {
    filter: { response_headers_to_add: [{ header: { key: "x-why", value: "limits" } }] },
    limits: [list(generic("x"))],
    answer: {
      overallCode: OK,
      responseHeadersToAdd: [{ key: "x-from-service", value: "1" }],
      requestHeadersToAdd: [{ key: "x-for-app", value: "yes" }],
    },
    asks: [{}],
  },
  "limits-told": {
    filter: told,
    limits: [list(generic("x"))],
    answer: {
      overallCode: OK,
      statuses: [
        { code: OK },
        {
          code: OK,
          currentLimit: { requestsPerUnit: 10, unit: 2 },
          limitRemaining: 7,
          durationUntilReset: { seconds: 30n, nanos: 900_000_000 },
        },
        {
          code: OK,
          currentLimit: { requestsPerUnit: 5, unit: 3, name: "few" },
          limitRemaining: 2,
          durationUntilReset: { seconds: 3000n },
        },
        { code: OK, currentLimit: { requestsPerUnit: 9, unit: 0 }, limitRemaining: 8 },
      ],
    },
    asks: [{}],
  },
  "no-code": {
    filter: { failure_mode_deny: true },
    limits: [list(generic("x"))],
    answer: {},
    asks: [{}],
  },
  "failure-allowed": { ...FAILING, asks: [{}] },
  "failure-denied": { ...FAILING, filter: { failure_mode_deny: true }, asks: [{}, grpc] },
  "failure-denied-otherwise": {
    ...FAILING,
    filter: { failure_mode_deny: true, status_on_error: { code: 503 } },
    asks: [{}],
  },
  "grpc-exhausted": {
    filter: { rate_limited_as_resource_exhausted: true },
    limits: [list(generic("x"))],
    answer: { overallCode: OVER },
    asks: [grpc],
  },
  "grpc-unavailable": {
    limits: [list(generic("x"))],
    answer: { overallCode: OVER },
    asks: [grpc],
  },
};

function listenerOf([name, one]: readonly [string, Case]): ListenerSpec {
  const { filter = {}, limits = [], ofHost = [], ofRoute, action } = one;
  const settings = {
    "@type": `${HTTP}.ratelimit.v3.RateLimit`,
    domain: name,
    // The machine may be slow.
    timeout: "30s",
    rate_limit_service: {
      grpc_service: { envoy_grpc: { cluster_name: "service" } },
      transport_api_version: "V3",
    },
    ...filter,
  };
  const base = action === undefined ? routeTo("app", { rate_limits: [...limits] }) : action;
  const perRoute = ofRoute && {
    typed_per_filter_config: {
      [NAME]: { "@type": `${HTTP}.ratelimit.v3.RateLimitPerRoute`, ...ofRoute },
    },
  };
  const route = { match: { prefix: "/" }, ...base, ...perRoute };
  const host = { name: "all", domains: ["*"], routes: [route], rate_limits: [...ofHost] };
  return {
    name,
    routes: [],
    manager: {
      route_config: { name: "routes", virtual_hosts: [host] },
      http_filters: [
        { name: NAME, typed_config: settings },
        { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
      ],
    },
  };
}

const few = (requests: number): object => ({ requests, burst: requests, unit: "Day" });
const POLICY = {
  spec: rateLimitPolicyKind.spec.parse({
    targetRefs: [{ name: "catalog" }],
    global: {
      rules: [
        { name: "all", limit: few(4) },
        { name: "each", limit: few(1) },
      ],
    },
  }),
} as RateLimitPolicy;

interface Service {
  readonly port: number;
  /** What each case was asked, by domain; requests to `other` belong to none. */
  readonly asked: ReadonlyMap<string, readonly unknown[]>;
}

async function startService(context: TestContext): Promise<Service> {
  const asked = new Map<string, unknown[]>();
  const decisions = new MetricRegistry().counter("decisions_total", "Of the test.");
  const counter = new MemoryCounter(() => 0);
  const server = new Server();
  server.addService(
    { ShouldRateLimit: SHOULD_RATE_LIMIT_METHOD },
    {
      ShouldRateLimit: (
        { request }: { readonly request: RateLimitRequest },
        callback: sendUnaryData<RateLimitResponse>,
      ) => {
        const before = asked.get(request.domain) ?? [];
        asked.set(request.domain, [...before, toJson(RateLimitRequestSchema, request)]);
        const answer = CASES[request.domain]?.answer;
        if (answer === "fails") callback({ code: 14, details: "the test's service fails" });
        else if (answer !== undefined) callback(null, create(RateLimitResponseSchema, answer));
        else {
          const policyOf = (): RateLimitPolicy => POLICY;
          void decide(request, { policyOf, counter, decisions }).then((value) =>
            callback(null, value),
          );
        }
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  context.after(() => server.forceShutdown());
  return { port, asked };
}

const COMPARED = [
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "x-envoy-ratelimited",
  "retry-after",
  "x-from-service",
  "x-why",
  "content-type",
  "grpc-status",
  "x-seen",
];

/** Each answer as a line. */
async function answersOf(port: number, asks: readonly Ask[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { method = "GET", headers = [] } of asks) {
    const client = await RawClient.connect(port);
    const length = method === "POST" ? ["Content-Length: 0"] : [];
    const head = [`${method} / HTTP/1.1`, "Host: app", ...headers, ...length];
    const answer = await client.send(`${head.join("\r\n")}\r\n\r\n`).response(method);
    const fields = COMPARED.flatMap((name) => {
      const value = headerOf(answer, name);
      // Envoy's refusals are empty, ours say why.
      return value === undefined || value === "text/plain" ? [] : [`${name}: ${value}`];
    });
    lines.push([`${answer.status}`, ...fields].join(", "));
    client.close();
  }
  return lines;
}

test("what the service is asked, and what clients are told, is what Envoy does", {
  skip: envoy.skip ?? false,
}, async (context) => {
  assert.ok(envoy.path !== undefined);
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) => request.reply("", [`x-seen: ${headerOf(request, "x-for-app") ?? "-"}`]),
  });
  const [ourService, theirService] = [await startService(context), await startService(context)];
  const configOf = ({ port }: Service): JsonObject =>
    bootstrapOf(Object.entries(CASES).map(listenerOf), [
      { name: "app", endpoints: [upstream.port] },
      { name: "service", endpoints: [port], fields: HTTP2_CLUSTER },
    ]);
  const resources = configOf(theirService)["static_resources"] as JsonObject;
  const theirs = await startStaticEnvoy(envoy.path, resources);
  context.after(() => theirs.stop());
  const ours = await ProxyProcess.start(context, configOf(ourService));
  for (const [name, { asks, ofRoute }] of Object.entries(CASES)) {
    await context.test(name, async () => {
      const [expected, actual] = await Promise.all([
        answersOf(theirs.portOf(name), asks),
        answersOf(ours.port(name), asks),
      ]);
      assert.deepEqual(actual, expected);
      const domain = String(ofRoute?.["domain"] ?? name);
      assert.deepEqual(ourService.asked.get(domain), theirService.asked.get(domain));
    });
  }
});
