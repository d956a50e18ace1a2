import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type AskingStream,
  blockOf,
  DEFAULT_SETTINGS,
  Http2Pair,
  requestHead,
  responseHead,
} from "../../test/support/http2-pair.ts";
import { ERROR_CODE } from "./error-code.ts";

const bodyOf = (stream: { record: { body: Buffer[] } }): Buffer =>
  Buffer.concat(stream.record.body);

describe("an HTTP/2 connection", () => {
  it("carries requests and responses with heads, bodies and trailers", () => {
    const pair = new Http2Pair();
    pair.onRequestEnd = (stream) => {
      pair.server.sendInterim(stream, responseHead(103, false, [["link", "</a.css>"]]));
      pair.server.sendResponse(stream, responseHead(200, true, [["x-a", "1"]]), false);
      pair.server.sendData(stream, Buffer.from("hello"), 0, 5);
      pair.server.sendEnd(stream, blockOf([["grpc-status", "0"]]));
    };
    const stream = pair.ask(requestHead("POST", true, [["x-b", "2"]]), "/p?q");
    pair.client.sendData(stream, Buffer.from("body"), 0, 4);
    pair.client.sendEnd(stream, blockOf([["x-sum", "7"]]));
    pair.settle();
    const [served] = pair.served;
    assert.equal(served?.head.method, "POST");
    assert.equal(served?.head.authority, "app.test");
    assert.deepEqual(served?.record.heads, [{ status: 0, target: "/p?q", fields: [["x-b", "2"]] }]);
    assert.equal(bodyOf(served!).toString(), "body");
    assert.deepEqual(served?.record.trailers, [["x-sum", "7"]]);
    assert.deepEqual(
      stream.record.heads.map(({ status }) => status),
      [103, 200],
    );
    assert.equal(bodyOf(stream).toString(), "hello");
    assert.deepEqual(stream.record.trailers, [["grpc-status", "0"]]);
    assert.deepEqual(stream.record.ends, ["closed"]);
    assert.deepEqual(served?.record.ends, ["closed"]);
    assert.equal(pair.client.streamCount + pair.server.streamCount, 0);
    assert.deepEqual(pair.errors, []);
  });

  it("ends a stream on its last DATA frame when both come in one turn", () => {
    const pair = new Http2Pair();
    const stream = pair.ask(requestHead("POST", true));
    pair.settle();
    pair.client.sendData(stream, Buffer.from("x"), 0, 1);
    pair.client.sendEnd(stream, undefined);
    assert.equal(pair.clientSink.at, 10);
    pair.settle();
    assert.equal(pair.served[0]?.record.isEnded, true);
    const later = pair.ask(requestHead("POST", true));
    pair.client.sendData(later, Buffer.from("x"), 0, 1);
    pair.settle();
    pair.client.sendEnd(later, undefined);
    assert.equal(pair.clientSink.at, 9);
    pair.settle();
    assert.equal(pair.served[1]?.record.isEnded, true);
  });

  it("carries many bodies of any size through small windows, whatever the pieces", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 });
    const piece = fc.integer({ min: 1, max: 40_000 });
    fc.assert(
      fc.property(sizes, piece, (lengths, pieceBytes) => {
        const pair = new Http2Pair({ ...DEFAULT_SETTINGS, initialConnectionWindowBytes: 100_000 });
        pair.onRequest = (stream) => {
          pair.server.sendResponse(stream, responseHead(200, true), false);
        };
        pair.onRequestEnd = (stream) => {
          const body = bodyOf(stream);
          pair.server.sendData(stream, body, 0, body.length);
          pair.server.sendEnd(stream, undefined);
        };
        const asked: [AskingStream, Buffer][] = lengths.map((length, i) => {
          const body = Buffer.alloc(length, i + 1);
          const stream = pair.ask(requestHead("PUT", true));
          for (let at = 0; at < length; at += 50_000) {
            pair.client.sendData(stream, body, at, Math.min(at + 50_000, length));
          }
          pair.client.sendEnd(stream, undefined);
          return [stream, body];
        });
        pair.settle(() => pieceBytes);
        for (const [stream, body] of asked) {
          assert.ok(bodyOf(stream).equals(body));
          assert.deepEqual(stream.record.ends, ["closed"]);
        }
        assert.deepEqual(pair.errors, []);
        assert.equal(pair.server.streamCount, 0);
      }),
      { numRuns: 60 },
    );
  });

  it("credits a paused stream only when its reader goes on, and lets others pass", () => {
    const pair = new Http2Pair();
    const stalled = pair.ask(requestHead("POST", true));
    pair.settle();
    const [served] = pair.served;
    pair.server.pauseReading(served!);
    const big = Buffer.alloc(100_000, 1);
    assert.equal(pair.client.sendData(stalled, big, 0, big.length), true);
    assert.equal(pair.client.sendData(stalled, big, 0, big.length), false);
    pair.settle();
    assert.equal(bodyOf(served!).length, 65_535);
    const other = pair.ask(requestHead("POST", true));
    pair.client.sendData(other, big, 0, big.length);
    pair.client.sendEnd(other, undefined);
    pair.settle();
    assert.equal(bodyOf(pair.served[1]!).length, big.length);
    pair.server.resumeReading(served!);
    pair.settle();
    assert.equal(bodyOf(served!).length, 200_000);
    assert.equal(stalled.record.drains, 1);
  });

  it("credits each byte once, wherever in a frame its reader pauses and goes on", () => {
    const steps = fc.array(fc.constantFrom("go on", "pause", "pause and go on"), { minLength: 1 });
    const piece = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(steps, piece, fc.integer({ min: 1, max: 4 }), (choices, pieceBytes, every) => {
        const pair = new Http2Pair({ ...DEFAULT_SETTINGS, initialConnectionWindowBytes: 100_000 });
        const body = Buffer.alloc(300_000, "tulle");
        const asked = pair.ask(requestHead("PUT", true));
        pair.client.sendData(asked, body, 0, body.length);
        pair.client.sendEnd(asked, undefined);
        let calls = 0;
        pair.onRequestData = (stream) => {
          const choice = choices[calls++ % choices.length];
          if (choice !== "go on") pair.server.pauseReading(stream);
          if (choice === "pause and go on") pair.server.resumeReading(stream);
        };
        let pieces = 0;
        const goOnNowAndThen = (): number => {
          const [stream] = pair.served;
          if (stream !== undefined && pieces++ % every === 0) pair.server.resumeReading(stream);
          return pieceBytes;
        };
        do {
          pair.settle(goOnNowAndThen);
          pair.server.resumeReading(pair.served[0]!);
        } while (pair.serverSink.at > 0);
        assert.deepEqual(pair.errors, []);
        assert.ok(bodyOf(pair.served[0]!).equals(body));
      }),
    );
  });

  it("sends nothing but heads while the peer does not read", () => {
    const pair = new Http2Pair();
    const stream = pair.ask(requestHead("POST", true));
    pair.settle();
    pair.clientSink.isBlocked = true;
    assert.equal(pair.client.sendData(stream, Buffer.from("later"), 0, 5), true);
    pair.client.sendEnd(stream, blockOf([["x-t", "1"]]));
    pair.settle();
    assert.equal(bodyOf(pair.served[0]!).length, 0);
    pair.clientSink.isBlocked = false;
    pair.client.onSinkDrain();
    pair.settle();
    assert.equal(bodyOf(pair.served[0]!).toString(), "later");
    assert.deepEqual(pair.served[0]!.record.trailers, [["x-t", "1"]]);
  });

  it("pauses a source whose bytes were all written, as long as the peer does not read", () => {
    const pair = new Http2Pair();
    const stream = pair.ask(requestHead("POST", true));
    const gone = pair.ask(requestHead("POST", true));
    pair.settle();
    const sink = pair.clientSink;
    assert.equal(pair.client.sendData(stream, Buffer.from("a"), 0, 1), true);
    sink.blocksOnCommit = true;
    assert.equal(pair.client.sendData(stream, Buffer.from("b"), 0, 1), false);
    sink.isBlocked = false;
    assert.equal(pair.client.sendData(gone, Buffer.from("c"), 0, 1), false);
    pair.client.reset(gone, ERROR_CODE.cancel);
    sink.blocksOnCommit = false;
    sink.isBlocked = false;
    pair.client.onSinkDrain();
    assert.equal(stream.record.drains, 1);
    assert.equal(gone.record.drains, 0);
    pair.settle();
    assert.equal(bodyOf(pair.served[0]!).toString(), "ab");
  });

  it("refuses streams above the limit, and lets the client try elsewhere", () => {
    const pair = new Http2Pair({ ...DEFAULT_SETTINGS, maxConcurrentStreams: 2 });
    const asked = [1, 2].map(() => pair.ask(requestHead("GET", false)));
    pair.settle();
    assert.equal(pair.client.room, 0);
    pair.server.reset(pair.served[0]!, ERROR_CODE.internalError);
    pair.settle();
    assert.deepEqual(asked[0]!.record.ends, ["reset 2", "closed"]);
    assert.equal(pair.client.room, 1);
  });

  it("tells a client that resets, and takes nothing more of the stream", () => {
    const pair = new Http2Pair();
    const stream = pair.ask(requestHead("POST", true));
    pair.settle();
    pair.client.reset(stream, ERROR_CODE.cancel);
    pair.server.sendResponse(pair.served[0]!, responseHead(200, true), false);
    pair.settle();
    assert.deepEqual(pair.served[0]!.record.ends, ["reset 8", "closed"]);
    assert.deepEqual(stream.record.heads, []);
    assert.deepEqual(pair.errors, []);
    assert.equal(pair.server.sendData(pair.served[0]!, Buffer.from("x"), 0, 1), true);
  });

  it("stops a request whose response is complete", () => {
    const pair = new Http2Pair();
    const stream = pair.ask(requestHead("POST", true));
    pair.onRequest = (served) => pair.server.sendResponse(served, responseHead(413, false), true);
    pair.settle();
    assert.equal(stream.record.heads[0]?.status, 413);
    assert.equal(stream.record.isEnded, true);
    assert.deepEqual(stream.record.ends, ["reset 0", "closed"]);
  });

  it("holds bodies to their Content-Length", () => {
    for (const [sent, reason] of [
      ["abcd", "more content came than the head of its message tells"],
      ["ab", "a body is shorter than its Content-Length"],
    ] as const) {
      const pair = new Http2Pair();
      const head = requestHead("POST", true);
      head.contentLength = 3;
      const stream = pair.ask(head);
      pair.client.sendData(stream, Buffer.from(sent), 0, sent.length);
      pair.client.sendEnd(stream, undefined);
      pair.settle();
      assert.deepEqual(pair.served[0]!.record.ends, [`malformed: ${reason}`, "closed"]);
      assert.deepEqual(stream.record.ends, ["reset 1", "closed"]);
    }
  });

  it("answers fields that are too large on their stream alone", () => {
    const pair = new Http2Pair();
    // Small enough as a block, too large with the 32 bytes that each field counts (RFC 9113 section 6.5.2).
    const fields = Array.from({ length: 95 }, (_, i) => [`x-${i + 10}`, "v".repeat(660)] as const);
    const stream = pair.ask(requestHead("GET", false, fields));
    const fine = pair.ask(requestHead("GET", false));
    pair.onRequestEnd = (served) =>
      pair.server.sendResponse(served, responseHead(204, false), true);
    pair.settle();
    assert.equal(stream.record.heads[0]?.status, 431);
    assert.equal(fine.record.heads[0]?.status, 204);
  });

  it("drains: what is on its way is served, nothing is taken behind it", () => {
    const pair = new Http2Pair();
    pair.ask(requestHead("GET", false));
    pair.settle();
    const late = pair.ask(requestHead("GET", false));
    pair.server.drain();
    pair.settle();
    assert.equal(pair.client.room, 0);
    assert.equal(pair.client.isGoingAway, true);
    assert.equal(pair.drained, 0);
    for (const served of pair.served) {
      pair.server.sendResponse(served, responseHead(200, false), true);
    }
    pair.settle();
    assert.equal(late.record.heads[0]?.status, 200);
    assert.equal(pair.drained, 1);
    assert.deepEqual(pair.errors, []);
  });

  it("closes a stream once, also where its fault is the one that ends the connection", () => {
    const pair = new Http2Pair();
    pair.onRequest = (served) => {
      const head = responseHead(200, true);
      head.contentLength = 1;
      pair.server.sendResponse(served, head, false);
      pair.server.sendData(served, Buffer.from("more"), 0, 4);
    };
    const asked: AskingStream[] = [];
    while (pair.errors.length === 0) {
      asked.push(pair.ask(requestHead("GET", false)));
      pair.settle();
    }
    assert.match(pair.errors[0]!, /^client 11: more than 100 streams/);
    for (const { record } of asked) {
      assert.deepEqual(record.ends.slice(1), ["closed"]);
    }
  });

  it("loses its streams with the connection", () => {
    const pair = new Http2Pair();
    const stream = pair.ask(requestHead("GET", false));
    pair.settle();
    pair.client.lose("gone");
    pair.server.lose("gone");
    assert.deepEqual(stream.record.ends, ["lost: gone", "closed"]);
    assert.deepEqual(pair.served[0]!.record.ends, ["lost: gone", "closed"]);
  });
});
