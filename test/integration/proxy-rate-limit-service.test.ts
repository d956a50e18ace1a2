/** A real sidecar and a rate limit service that is slow, gone, or says what nobody can read. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { SHOULD_RATE_LIMIT_METHOD } from "../../src/control-plane/rate-limit/rate-limit-service.ts";
import {
  type RateLimitResponse,
  RateLimitResponseSchema,
} from "../../src/gen/envoy/service/ratelimit/v3/rls_pb.js";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const REQUEST = "GET / HTTP/1.1\r\nHost: app\r\nAccept: application/json\r\n\r\n";

type Answer = sendUnaryData<RateLimitResponse>;

interface Service {
  readonly port: number;
  /** Resolves with the next question. */
  asked(): Promise<AskedOnce>;
}

interface AskedOnce {
  readonly answer: Answer;
  /** The proxy waits no longer. */
  readonly cancelled: Promise<void>;
}

async function startService(context: TestContext): Promise<Service> {
  const questions: AskedOnce[] = [];
  let wake = (): void => {};
  const server = new Server();
  server.addService(
    { ShouldRateLimit: SHOULD_RATE_LIMIT_METHOD },
    {
      ShouldRateLimit: (
        call: { on(event: "cancelled", listener: () => void): void },
        answer: Answer,
      ) => {
        const cancelled = new Promise<void>((resolve) => call.on("cancelled", () => resolve()));
        questions.push({ answer, cancelled });
        wake();
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  context.after(() => server.forceShutdown());
  return {
    port,
    asked: async () => {
      for (;;) {
        const question = questions.shift();
        if (question !== undefined) return question;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

async function startProxy(
  context: TestContext,
  servicePort: number,
  filter: JsonObject,
): Promise<ProxyProcess> {
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) => request.reply("ok"),
  });
  const settings = {
    "@type": `${HTTP}.ratelimit.v3.RateLimit`,
    domain: "test",
    rate_limit_service: {
      grpc_service: { envoy_grpc: { cluster_name: "service" } },
      transport_api_version: "V3",
    },
    ...filter,
  };
  const actions = [{ generic_key: { descriptor_value: "all" } }];
  const listener = {
    routes: [routeTo("app", { rate_limits: [{ actions }] })],
    manager: {
      http_filters: [
        { name: "limits", typed_config: settings },
        { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
      ],
    },
  };
  return ProxyProcess.start(
    context,
    bootstrapOf(
      [listener],
      [
        { name: "app", endpoints: [upstream.port] },
        { name: "service", endpoints: [servicePort], fields: HTTP2_CLUSTER },
      ],
    ),
  );
}

async function ask(
  proxy: ProxyProcess,
): Promise<{ readonly status: number; readonly body: string }> {
  const client = await RawClient.connect(proxy.port("main"));
  const { status, body } = await client.send(REQUEST).response();
  client.close();
  return { status, body: body.toString() };
}

const sentence = (body: string): string => JSON.parse(body).message;

test("a service that does not answer holds requests no longer than the timeout", async (context) => {
  const service = await startService(context);
  const denies = await startProxy(context, service.port, {
    timeout: "0.05s",
    failure_mode_deny: true,
  });
  const refused = ask(denies);
  await (await service.asked()).cancelled;
  const { status, body } = await refused;
  assert.equal(status, 500);
  // Either end keeps the time.
  assert.match(sentence(body), /no answer in time|Deadline exceeded/);
  const allows = await startProxy(context, service.port, { timeout: "0.05s" });
  const passed = ask(allows);
  await (await service.asked()).cancelled;
  assert.equal((await passed).status, 200);
  const { body: metrics } = await allows.admin("/stats/prometheus");
  assert.match(metrics, /requests_total\{domain="test",result="error"\} 1/);
  assert.match(metrics, /requests_total\{domain="test",result="failure_mode_allowed"\} 1/);
});

test("requests wait at the same time on one connection, and each has its own answer", async (context) => {
  const service = await startService(context);
  const proxy = await startProxy(context, service.port, { timeout: "30s" });
  const requests = [ask(proxy), ask(proxy), ask(proxy)];
  const questions = [await service.asked(), await service.asked(), await service.asked()];
  for (const [index, overallCode] of [1, 2, 1].entries()) {
    questions[index]!.answer(null, create(RateLimitResponseSchema, { overallCode }));
  }
  const statuses = (await Promise.all(requests)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 200, 429]);
});

test("nobody waits for a client that has gone", async (context) => {
  const service = await startService(context);
  const proxy = await startProxy(context, service.port, { timeout: "30s" });
  const client = await RawClient.connect(proxy.port("main"));
  client.send(REQUEST);
  const question = await service.asked();
  client.socket.resetAndDestroy();
  await question.cancelled;
  const next = ask(proxy);
  (await service.asked()).answer(null, create(RateLimitResponseSchema, { overallCode: 1 }));
  assert.equal((await next).status, 200);
});

test("a service that is gone, or speaks no gRPC, is a failure", async (context) => {
  const filter = { timeout: "30s", failure_mode_deny: true };
  const closed = await startProxy(context, 1, filter);
  assert.match(sentence((await ask(closed)).body), /did not answer.*connect-failed/);
  const web = await RawUpstream.start(context, { onRequest: (request) => request.reply("ok") });
  const other = await startProxy(context, web.port, filter);
  const { status, body } = await ask(other);
  assert.equal(status, 500);
  assert.equal(JSON.parse(body).flag, "RLSE");
});
