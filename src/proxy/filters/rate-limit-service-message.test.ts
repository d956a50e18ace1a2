import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import type { RequestView } from "../../decision/request-view.ts";
import {
  RateLimitRequestSchema,
  RateLimitResponseSchema,
} from "../../gen/envoy/service/ratelimit/v3/rls_pb.js";
import { HeaderBlock } from "../../http/header-block.ts";
import { addPairs, ServiceHeaders } from "./rate-limit-service-headers.ts";
import { LimitRequestWriter, readLimitAnswer } from "./rate-limit-service-message.ts";

const CALLER = { remoteAddress: "10.0.0.1", peerPrincipal: "" };
const REQUEST = {} as RequestView;

test("questions are what the protocol's own schema reads", () => {
  const writer = new LimitRequestWriter();
  writer.begin("default/limits");
  assert.equal(writer.finish(), undefined);
  writer.begin("default/limits");
  const rule = { key: "rule", value: "all" };
  writer.add({ tests: [], entries: [rule] }, REQUEST, CALLER);
  writer.add({ tests: [() => false], entries: [rule] }, REQUEST, CALLER);
  writer.add(
    { tests: [], entries: [rule, { key: "user", value: () => undefined }] },
    REQUEST,
    CALLER,
  );
  const entries = [
    rule,
    { key: "from", value: () => CALLER.remoteAddress },
    { key: "e", value: "" },
  ];
  writer.add({ tests: [() => true], entries }, REQUEST, CALLER);
  const message = fromBinary(RateLimitRequestSchema, writer.finish() ?? Buffer.alloc(0));
  assert.deepEqual(toJson(RateLimitRequestSchema, message), {
    domain: "default/limits",
    descriptors: [
      { entries: [rule] },
      { entries: [rule, { key: "from", value: "10.0.0.1" }, { key: "e" }] },
    ],
  });
});

function read(answer: MessageInitShape<typeof RateLimitResponseSchema>) {
  const message = create(RateLimitResponseSchema, answer);
  return readLimitAnswer(toBinary(RateLimitResponseSchema, message));
}

test("answers are read, and what is not needed of them is passed over", () => {
  const answer = read({
    overallCode: 2,
    statuses: [
      {
        code: 2,
        currentLimit: { requestsPerUnit: 10, unit: 2, name: "few" },
        limitRemaining: 3,
        durationUntilReset: { seconds: 30n, nanos: 5 },
        quota: { requests: 4, id: "q" },
      },
      { code: 1 },
    ],
    responseHeadersToAdd: [
      { key: "X-A", value: "1" },
      { key: "b", rawValue: Buffer.from("2") },
    ],
    requestHeadersToAdd: [{ key: "c", value: "3" }],
    rawBody: Buffer.from("body"),
    dynamicMetadata: { a: 1 },
    quota: { requests: 1 },
  });
  assert.deepEqual(answer, {
    code: 2,
    states: [
      { requestsPerUnit: 10, windowSeconds: 60, name: "few", remaining: 3, resetSeconds: 30 },
    ],
    responseHeaders: [
      { name: "x-a", value: "1" },
      { name: "b", value: "2" },
    ],
    requestHeaders: [{ name: "c", value: "3" }],
  });
  assert.deepEqual(read({}), { code: 0, states: [], responseHeaders: [], requestHeaders: [] });
});

test("bytes that are no answer are none, wherever they break off", () => {
  const bytes = toBinary(
    RateLimitResponseSchema,
    create(RateLimitResponseSchema, { responseHeadersToAdd: [{ key: "abc", value: "def" }] }),
  );
  for (let end = 1; end < bytes.length; end++) {
    assert.equal(readLimitAnswer(bytes.subarray(0, end)), undefined, `${end} bytes`);
  }
  assert.equal(readLimitAnswer(Buffer.from([0xff, 0xff])), undefined);
});

test("a service cannot break the message that its headers are added to", () => {
  const headers = new HeaderBlock();
  addPairs(
    [
      { name: "content-length", value: "7" },
      { name: "transfer-encoding", value: "chunked" },
      { name: "x-split", value: "a\r\nb: c" },
      { name: "x y", value: "1" },
      { name: ":status", value: "200" },
      { name: "x-fine", value: "1" },
    ],
    headers,
  );
  const seen: string[] = [];
  headers.forEach((name, value) => {
    seen.push(`${name}=${value}`);
  });
  assert.deepEqual(seen, ["x-fine=1"]);
});

test("without a limit nothing is told of one", () => {
  const headers = new HeaderBlock();
  const told = {
    states: [],
    headers: [],
    tellsLimit: true,
    isRefusal: false,
    isMarked: false,
    mutations: [],
  };
  new ServiceHeaders(told).editResponse(200, headers);
  assert.equal(headers.get("x-ratelimit-limit"), undefined);
});
