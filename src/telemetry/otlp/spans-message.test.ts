/** Spans as OTLP's published schema reads them, by the names of OpenTelemetry's conventions; and what the ring gives back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { TRACE_RING_SPANS } from "../../core/limits.ts";
import { ExportTraceServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValue } from "../../gen/opentelemetry/proto/common/v1/common_pb.js";
import { FLAG } from "../response-flag.ts";
import { KEPT_ERROR, KIND_CLIENT, KIND_SERVER, SpanDraft } from "../trace/span-draft.ts";
import { SpanRing } from "../trace/span-ring.ts";
import { isFault } from "../trace/span-status.ts";
import { SpansMessage } from "./spans-message.ts";

function draftOf(changes: Partial<SpanDraft>): SpanDraft {
  const draft = new SpanDraft();
  draft.takeIds(new Int32Array([0x4bf92f35, 0x77b34da6, -1, 1, 0xf067aa, 0x0ba902b7, 2, -3]));
  draft.traceFlags = 3;
  draft.startMs = 1_700_000_000_000.5;
  draft.durationMs = 12.25;
  draft.status = 200;
  draft.method = "GET";
  draft.path = "/items/7";
  draft.authority = "catalog.default:8080";
  draft.httpVersion = "2";
  return Object.assign(draft, changes);
}

function told(...drafts: readonly SpanDraft[]) {
  const message = new SpansMessage(
    { "service.name": "catalog", "service.instance.id": "catalog-1" },
    { name: "tulle", version: "1.2.3" },
  );
  for (const draft of drafts) message.add(draft);
  assert.equal(message.count, drafts.length);
  const request = fromBinary(ExportTraceServiceRequestSchema, message.take());
  assert.equal(message.count, 0);
  const [resource] = request.resourceSpans;
  return { resource, spans: resource?.scopeSpans[0]?.spans ?? [] };
}

const textsOf = (attributes: readonly KeyValue[]): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(value?.value.value)]));

test("ids, times, flags, resource and scope are what the schema reads", () => {
  const { resource, spans } = told(draftOf({}), draftOf({}));
  assert.deepEqual(textsOf(resource?.resource?.attributes ?? []), {
    "service.name": "catalog",
    "service.instance.id": "catalog-1",
  });
  assert.equal(resource?.scopeSpans[0]?.scope?.version, "1.2.3");
  assert.equal(spans.length, 2);
  const [span] = spans;
  assert.ok(span);
  assert.equal(Buffer.from(span.traceId).toString("hex"), "4bf92f3577b34da6ffffffff00000001");
  assert.equal(Buffer.from(span.spanId).toString("hex"), "00f067aa0ba902b7");
  assert.equal(Buffer.from(span.parentSpanId).toString("hex"), "00000002fffffffd");
  assert.equal(Number(span.endTimeUnixNano - span.startTimeUnixNano), 12_250_112);
  assert.equal(span.flags & 255, 3);
  assert.equal(span.kind, KIND_SERVER);
});

test("a call of gRPC has the conventions of RPC, and its own idea of an error", () => {
  const call = { path: "/shop.Catalog/List", method: "POST", httpVersion: "2" };
  const [server, client, failed] = told(
    draftOf({ ...call, grpcStatus: 5 }),
    draftOf({ ...call, grpcStatus: 5, kind: KIND_CLIENT, endpoint: "10.0.0.7:8080" }),
    draftOf({ ...call, grpcStatus: 14, kept: KEPT_ERROR, failureReason: "gone" }),
  ).spans;
  assert.equal(server?.name, "shop.Catalog/List");
  assert.equal(server?.status, undefined, "NOT_FOUND is no fault of the server's");
  assert.equal(client?.status?.code, 2);
  const attributes = textsOf(client?.attributes ?? []);
  assert.equal(attributes["rpc.system.name"], "grpc");
  assert.equal(attributes["rpc.method"], "shop.Catalog/List");
  assert.equal(attributes["rpc.response.status_code"], "NOT_FOUND");
  assert.equal(attributes["error.type"], "NOT_FOUND");
  assert.equal(attributes["network.peer.address"], "10.0.0.7");
  assert.equal(attributes["server.port"], "8080");
  assert.equal(attributes["url.full"], "http://catalog.default:8080/shop.Catalog/List");
  assert.equal(failed?.status?.message, "gone");
  assert.equal(textsOf(failed?.attributes ?? [])["mesh.kept"], "error");
});

test("what has no answer is named after its flag, and methods of one's own are no names", () => {
  const [span] = told(draftOf({ status: 0, flag: FLAG.UF, method: "BREW" })).spans;
  const attributes = textsOf(span?.attributes ?? []);
  assert.equal(span?.name, "HTTP");
  assert.equal(attributes["http.request.method"], "_OTHER");
  assert.equal(attributes["http.request.method_original"], "BREW");
  assert.equal(attributes["error.type"], "UF");
  assert.equal(attributes["mesh.response_flags"], "UF");
  assert.equal(attributes["http.response.status_code"], undefined);
  assert.ok(isFault(draftOf({ status: 0 })) && !isFault(draftOf({ status: 404 })));
});

test("the ring gives back what it was given, once, until newer spans take its place", () => {
  const ring = new SpanRing();
  const tags = [{ name: "shop.tenant", value: "a" }];
  const given = draftOf({
    ...{ kind: KIND_CLIENT, resendCount: 2, isMirror: true, routeName: "r", routePath: "/items/*" },
    ...{ clusterName: "c", endpoint: "10.0.0.7:80", requestId: "id-1", flag: FLAG.URX, tags },
  });
  ring.put(given);
  const found: string[] = [];
  const out = new SpanDraft();
  const tell = () => ring.tell(given.ids, out, (draft) => found.push(JSON.stringify(draft)));
  tell();
  assert.deepEqual(found, [JSON.stringify(given)]);
  tell();
  assert.equal(found.length, 1, "told once");
  ring.put(draftOf({ path: `/${"x".repeat(5000)}` }));
  tell();
  assert.equal(out.path.length > 100 && out.path.length < 400, true, "long paths are cut");
  ring.put(given);
  const other = draftOf({});
  other.ids[3] = 99;
  for (let i = 0; i < TRACE_RING_SPANS; i++) ring.put(other);
  found.length = 0;
  tell();
  assert.deepEqual(found, []);
});
