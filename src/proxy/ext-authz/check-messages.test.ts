/** Questions and answers of `envoy.service.auth.v3`, held against the protocol's own schema. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import type { MetadataMap, MetadataValue } from "../../decision/dynamic-metadata.ts";
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from "../../gen/envoy/service/auth/v3/external_auth_pb.js";
import { connectionCheck, type ToldConnection } from "./check-request.ts";
import { readCheckResponse } from "./check-response.ts";
import { readStruct, structBytes } from "./metadata-wire.ts";

const CONNECTION = {
  ...{ remoteAddress: "10.0.0.1", remotePort: 4000, localAddress: "10.0.0.2", localPort: 443 },
  ...{ scheme: "https", peerPrincipal: "spiffe://a/b", serverName: "catalog.example" },
  peerCertificate: undefined,
} satisfies ToldConnection;

test("a question about a connection is what the schema reads", () => {
  const bytes = connectionCheck({
    connection: CONNECTION,
    tellsCertificate: true,
    tellsServerName: true,
  });
  const address = (host: string, portValue: number) => ({
    socketAddress: { address: host, portValue },
  });
  assert.deepEqual(toJson(CheckRequestSchema, fromBinary(CheckRequestSchema, bytes)), {
    attributes: {
      source: { address: address("10.0.0.1", 4000), principal: "spiffe://a/b" },
      destination: { address: address("10.0.0.2", 443) },
      tlsSession: { sni: "catalog.example" },
    },
  });
});

function encoded(answer: MessageInitShape<typeof CheckResponseSchema>): Uint8Array {
  return toBinary(CheckResponseSchema, create(CheckResponseSchema, answer));
}

const FULL: MessageInitShape<typeof CheckResponseSchema> = {
  status: { code: 0, message: "ok", details: [] },
  dynamicMetadata: { user: { name: "a", list: [1, null, true, { deep: "b" }] } },
  httpResponse: {
    case: "okResponse",
    value: {
      headers: [
        { header: { key: "X-A", value: "1" } },
        { header: { key: "x-b", rawValue: Buffer.from("\xff", "latin1") }, append: true },
        { header: { key: "x-c", value: "3" }, appendAction: 1 },
        { header: { key: "x-d", value: "4" }, append: false },
      ],
      headersToRemove: ["Cookie"],
      responseHeadersToAdd: [
        { header: { key: "x-e", value: "5" } },
        { header: { key: "x-f", value: "6" }, append: false },
      ],
      queryParametersToSet: [{ key: "q", value: "1" }],
      queryParametersToRemove: ["r"],
    },
  },
};

test("an answer is read as Envoy reads it", () => {
  const answer = readCheckResponse(encoded(FULL));
  assert.ok(answer !== undefined && answer !== "error");
  assert.equal(answer.isAllowed, true);
  assert.deepEqual(answer.requestChanges, [
    { action: "set", name: "x-a", value: "1" },
    { action: "add-if-present", name: "x-b", value: "\xff" },
    { action: "add-if-absent", name: "x-c", value: "3" },
    { action: "set", name: "x-d", value: "4" },
  ]);
  assert.deepEqual(answer.removedHeaders, ["cookie"]);
  assert.deepEqual(answer.responseChanges, [
    { action: "add", name: "x-e", value: "5" },
    { action: "set", name: "x-f", value: "6" },
  ]);
  assert.deepEqual(answer.parametersToSet, [{ name: "q", value: "1" }]);
  assert.deepEqual(answer.parametersToRemove, ["r"]);
  const user = answer.metadata?.get("user");
  assert.ok(user instanceof Map);
  assert.equal((user as MetadataMap).get("name"), "a");
});

test("an empty answer allows, any other status denies, and a denial has a status of its own", () => {
  const allowed = readCheckResponse(encoded({}));
  assert.ok(allowed !== undefined && allowed !== "error" && allowed.isAllowed);
  const denied = (code?: number): number => {
    const value = code === undefined ? {} : { status: { code } };
    const answer = readCheckResponse(
      encoded({ status: { code: 16 }, httpResponse: { case: "deniedResponse", value } }),
    );
    assert.ok(answer !== undefined && answer !== "error" && !answer.isAllowed);
    return answer.status;
  };
  assert.deepEqual([denied(), denied(401), denied(100), denied(700)], [403, 401, 403, 403]);
  // A denial's fields do not reach the app, nor what allows it the client.
  const mixed = readCheckResponse(encoded({ ...FULL, status: { code: 7 } }));
  assert.ok(mixed !== undefined && mixed !== "error");
  assert.deepEqual([mixed.isAllowed, mixed.requestChanges, mixed.responseChanges], [false, [], []]);
});

test("bytes that are no answer are none, wherever they break off, and too many fields are too many", () => {
  const bytes = encoded(FULL);
  for (let end = 1; end < bytes.length; end++) {
    // Where a field is complete, what is left is a shorter answer.
    readCheckResponse(bytes.subarray(0, end));
  }
  assert.equal(readCheckResponse(Buffer.from([0xff, 0xff])), undefined);
  assert.equal(readCheckResponse(bytes.subarray(0, bytes.length - 1)), undefined);
  const headers = Array.from({ length: 257 }, () => ({ header: { key: "a", value: "1" } }));
  const many = encoded({ httpResponse: { case: "okResponse", value: { headers } } });
  assert.equal(readCheckResponse(many), undefined);
});

test("metadata comes back as it was, and not deeper than it may be", () => {
  const map = new Map<string, MetadataValue>([
    ["text", "ü"],
    ["number", -1.5],
    ["flag", false],
    ["none", null],
    ["list", ["a", ["b"], new Map([["c", 1]])]],
    ["__proto__", "x"],
  ]);
  assert.deepEqual(readStruct(structBytes(map)), map);
  let deep: MetadataMap = new Map();
  for (let i = 0; i < 40; i++) deep = new Map([["a", deep]]);
  assert.throws(() => readStruct(structBytes(deep)), /too deeply/);
});
