import assert from "node:assert/strict";
import { test } from "node:test";
import { grpcCamelName, grpcSnakeName, grpcStatusOfHttp, parseGrpcStatus } from "./grpc-status.ts";

test("a code of gRPC is a number from 0 to 16; anything else is UNKNOWN", () => {
  assert.equal(parseGrpcStatus("0"), 0);
  assert.equal(parseGrpcStatus("16"), 16);
  for (const text of ["17", "-1", "", "1.5", "0x1", "99999999999", "14 "]) {
    assert.equal(parseGrpcStatus(text), 2, text);
  }
});

test("what a status of HTTP means", () => {
  const meanings: Readonly<Record<number, number>> = {
    ...{ 200: 2, 400: 13, 401: 16, 403: 7, 404: 12, 408: 2, 429: 14 },
    ...{ 500: 2, 502: 14, 503: 14, 504: 14 },
  };
  for (const [status, code] of Object.entries(meanings)) {
    assert.equal(grpcStatusOfHttp(Number(status)), code, status);
  }
});

test("codes have the names that logs write", () => {
  assert.equal(grpcCamelName(1), "Canceled");
  assert.equal(grpcSnakeName(1), "CANCELLED");
  assert.equal(grpcCamelName(16), "Unauthenticated");
  assert.equal(grpcSnakeName(13), "INTERNAL");
});
