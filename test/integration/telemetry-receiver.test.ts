/** The receiver's doors on a real control plane: OTLP/HTTP for apps, and what is no message. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { status as grpcStatus } from "@grpc/grpc-js";
import type { ControlPlane } from "../../src/control-plane/control-plane.ts";
import type {
  AccessLogView,
  MeshEvent,
  OverviewResponse,
  TraceResponse,
} from "../../src/control-plane/telemetry-types.ts";
import {
  callApi,
  StandInSidecar,
  startControlPlane,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";
import { attributes, OtlpSender } from "../support/otlp-sender.ts";

const folder = temporaryFolder();
let controlPlane: ControlPlane;
let cart: StandInSidecar;
let fromCart: OtlpSender;

before(async () => {
  controlPlane = await startControlPlane(folder.path, {
    telemetry: {
      otlpAddress: { host: "127.0.0.1", port: 0, isFallbackAllowed: false },
      retentionMs: undefined,
      storeBytesMax: undefined,
      prometheus: undefined,
    },
  });
  const { file } = controlPlane;
  cart = new StandInSidecar({ file, id: "cart-a", service: "cart", block: 23 });
  await cart.start();
  fromCart = new OtlpSender(file, cart.agent);
});

after(async () => {
  fromCart.close();
  await cart.stop();
  await controlPlane.stop(1000);
  folder.remove();
});

async function get<T>(path: string): Promise<T> {
  const { status, body } = await callApi<T>(controlPlane.file, "GET", `/api/v1/telemetry/${path}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

test("apps send by OTLP/HTTP: protobuf, JSON and gzip; browsers and what is too large are refused", async () => {
  const address = controlPlane.otlpAddress;
  const post = (path: string, body: Buffer, headers: Record<string, string>) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const call = httpRequest(
        `http://${address}${path}`,
        { method: "POST", headers, agent: false },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      call.on("error", reject);
      call.end(body);
    });
  const json = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "worker" } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: "5b8efff798038103d269b633813fc60c",
                spanId: "eee19b7ec3c1b174",
                name: "job",
                kind: 1,
                startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
                endTimeUnixNano: String(BigInt(Date.now() + 5) * 1_000_000n),
                unknownField: 1,
              },
            ],
          },
        ],
      },
    ],
  };
  const body = Buffer.from(JSON.stringify(json));
  const asJson = { "content-type": "application/json" };
  const taken = await post("/v1/traces", gzipSync(body), { ...asJson, "content-encoding": "gzip" });
  assert.deepEqual(taken, { status: 200, text: "{}" });
  const trace = await get<TraceResponse>("traces/5b8efff798038103d269b633813fc60c");
  assert.equal(trace.spans[0]?.service.name, "worker");
  assert.equal((await post("/v1/traces", body, { ...asJson, origin: "http://evil" })).status, 403);
  assert.equal((await post("/v1/other", body, asJson)).status, 404);
  assert.equal((await post("/v1/logs", Buffer.from("{"), asJson)).status, 400);
  assert.equal((await post("/v1/logs", body, { "content-type": "text/plain" })).status, 415);
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const large = await post("/v1/logs", bomb, {
    "content-type": "application/x-protobuf",
    "content-encoding": "gzip",
  });
  assert.equal(large.status, 413);
});

test("what is no message is refused for good, and harms nobody", async () => {
  for (const signal of ["traces", "logs", "metrics"] as const) {
    await assert.rejects(fromCart.send(signal, Buffer.from([0x0a, 0xff, 0x01])), {
      code: grpcStatus.INVALID_ARGUMENT,
    });
  }
  await get<OverviewResponse>("overview");
});

/** Resolves with the data of the first event of the stream; `act` runs when it listens. */
function firstEvent(path: string, act: () => Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      { socketPath: controlPlane.file.adminSocket, path: `/api/v1/telemetry/${path}` },
      (response) => {
        let text = "";
        let isReady = false;
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (!isReady && text.includes(": ready")) {
            isReady = true;
            act().catch(reject);
          }
          const data = /^data: (.*)$/m.exec(text)?.[1];
          if (data === undefined) return;
          call.destroy();
          resolve(JSON.parse(data));
        });
        response.on("error", () => {});
      },
    );
    call.on("error", () => {});
    call.end();
  });
}

test("who follows hears of what was asked for, as it comes", async () => {
  const record = (path: string, code: number) => ({
    eventName: "mesh.access",
    timeUnixNano: BigInt(Date.now()) * 1_000_000n,
    attributes: attributes({
      "url.path": path,
      "http.response.status_code": code,
      "mesh.destination.service": "catalog",
      "mesh.destination.namespace": "default",
    }),
  });
  const log = await firstEvent("logs/follow?status=5xx&service=catalog", () =>
    fromCart.logs({ service: "cart", instance: "cart-a" }, [
      record("/good", 200),
      record("/bad", 503),
    ]),
  );
  assert.equal((log as AccessLogView).path, "/bad");
  const event = await firstEvent("events/follow?type=config", () =>
    callApi(controlPlane.file, "POST", "/api/v1/apply", {
      body: {
        files: [
          {
            name: "service.yaml",
            text: "{apiVersion: v1, kind: Service, metadata: {name: catalog}, spec: {ports: [{port: 80}]}}",
          },
        ],
      },
    }),
  );
  const { type, subject, revision } = event as MeshEvent;
  assert.deepEqual([type, subject], ["config", "Service default/catalog"]);
  assert.ok((revision ?? 0) > 0);
});
