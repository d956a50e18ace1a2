/** Trailers are fields and nothing else (RFC 9113 section 8.1, RFC 9110 section 6.5.1). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blockOf } from "../../../test/support/header-fixture.ts";
import { fieldsIn, MessagePipe, rawBlock } from "../../../test/support/http2-message-fixture.ts";

describe("trailers", () => {
  it("have no pseudo-header fields", () => {
    const pipe = new MessagePipe();
    for (const name of [":status", ":path"]) {
      const { error } = pipe.readTrailers(rawBlock([[name, "200"]]));
      assert.equal(error, "pseudo_field_misplaced");
    }
  });

  it("have no connection-specific fields", () => {
    const pipe = new MessagePipe();
    for (const name of ["connection", "transfer-encoding", "te"]) {
      assert.equal(pipe.readTrailers(rawBlock([[name, "trailers"]])).error, "connection_field");
    }
  });

  it("lose what some would merge into the head, and keep what gRPC says", () => {
    const { head, error } = new MessagePipe().readTrailers(
      rawBlock([
        ["grpc-status", "0"],
        ["content-length", "5"],
        ["host", "bank"],
        ["grpc-message", "ok"],
        ["authorization", "x"],
        ["cookie", "a=1"],
        ["x-forwarded-for", "1.2.3.4"],
        ["x-checksum", "1"],
      ]),
    );
    assert.equal(error, "");
    assert.equal(head.toLines(), "grpc-status: 0\r\ngrpc-message: ok\r\nx-checksum: 1\r\n");
  });

  it("are written without what must not stand in them", () => {
    const pipe = new MessagePipe();
    const lines = "Grpc-Status: 0\r\nContent-Length: 5\r\nTE: trailers\r\nHost: a\r\nX-Sum: 1\r\n";
    const block = pipe.writeTrailers(blockOf(lines));
    assert.deepEqual(fieldsIn(pipe, block), ["grpc-status: 0", "x-sum: 1"]);
  });
});
