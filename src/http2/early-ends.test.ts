/** Streams and connections that end before all of a message has come, found by comparing with Envoy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  blockOf,
  DEFAULT_SETTINGS,
  Http2Pair,
  requestHead,
  responseHead,
  type ServedStream,
} from "../../test/support/http2-pair.ts";
import { BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import { ERROR_CODE } from "./error-code.ts";

function connectHead(): RequestHead {
  const head = requestHead("CONNECT", true);
  head.bodyKind = BODY_TUNNEL;
  return head;
}

describe("what ends early", () => {
  it("a request is lost when its client ends the connection within it; one that is whole is answered", () => {
    const pair = new Http2Pair();
    pair.ask(requestHead("POST", true));
    const whole = pair.ask(requestHead("GET", false));
    pair.settle();
    pair.server.endReceiving("FIN");
    assert.deepEqual(pair.served[0]?.record.ends, ["lost: FIN", "closed"]);
    pair.server.sendResponse(pair.served[1]!, responseHead(204, false), true);
    pair.settle();
    assert.equal(whole.record.heads[0]?.status, 204);
    assert.equal(pair.server.streamCount, 0);
  });

  it("a request that its client takes back in the same read never begins", () => {
    const pair = new Http2Pair();
    pair.settle();
    const taken = pair.ask(requestHead("GET", false), "/taken");
    pair.client.reset(taken, ERROR_CODE.cancel);
    pair.ask(requestHead("GET", false), "/kept");
    pair.settle();
    assert.deepEqual(
      pair.served.map(({ head }) => head.target),
      ["/kept"],
    );
    assert.equal(pair.server.streamCount, 1);
    assert.deepEqual(pair.errors, []);
  });

  it("a request begins before its body, its trailers, and whatever comes in another read", () => {
    const pair = new Http2Pair();
    pair.settle();
    const withBody = pair.ask(requestHead("POST", true));
    pair.client.sendData(withBody, Buffer.from("body"), 0, 4);
    pair.client.reset(withBody, ERROR_CODE.cancel);
    const withTrailers = pair.ask(requestHead("POST", true));
    pair.client.sendEnd(withTrailers, blockOf([["x-sum", "7"]]));
    pair.settle();
    const [first, second] = pair.served;
    assert.equal(Buffer.concat(first!.record.body).toString(), "body");
    assert.deepEqual(first!.record.ends, ["reset 8", "closed"]);
    assert.deepEqual(second!.record.trailers, [["x-sum", "7"]]);
    const later = pair.ask(requestHead("GET", false));
    pair.settle();
    pair.client.reset(later, ERROR_CODE.cancel);
    pair.settle();
    assert.deepEqual(pair.served[2]?.record.ends, ["reset 8", "closed"]);
  });

  it("what came with a frame that ends the connection does not begin", () => {
    const pair = new Http2Pair();
    pair.settle();
    pair.ask(requestHead("GET", false));
    const bytes = Buffer.concat([
      pair.clientSink.take(),
      Buffer.from("\0\0\0\x05\0\0\0\0\x01", "latin1"),
    ]);
    pair.server.receive(bytes, 0, bytes.length);
    assert.match(pair.errors.join(), /^server 6: /);
    assert.deepEqual(pair.served, []);
    pair.server.lose("gone");
    assert.equal(pair.server.streamCount, 0);
  });

  it("an answer that waits for a window is lost when its client ends the connection, now or later", () => {
    const pair = new Http2Pair();
    const window = DEFAULT_SETTINGS.initialStreamWindowBytes;
    const bytes = Buffer.alloc(window + 1);
    const answer = (stream: ServedStream, count: number): void => {
      pair.server.sendResponse(stream, responseHead(200, true), false);
      pair.server.sendData(stream, bytes, 0, count);
    };
    for (let i = 0; i < 3; i++) pair.ask(requestHead("GET", false));
    const up = pair.clientSink.take();
    pair.server.receive(up, 0, up.length);
    const [waiting, fitting, late] = pair.served;
    answer(waiting!, window + 1);
    answer(fitting!, window);
    pair.server.endReceiving("FIN");
    assert.match(waiting!.record.ends.join(), /^lost: the peer has ended .*,closed$/);
    assert.deepEqual([fitting!.record.ends, late!.record.ends], [[], []]);
    answer(late!, window + 1);
    assert.deepEqual([pair.stuck, late!.record.ends], [1, []]);
    pair.server.loseStuck();
    assert.match(late!.record.ends.join(), /^lost: /);
    pair.server.sendEnd(fitting!, undefined);
    assert.deepEqual(fitting!.record.ends, ["closed"]);
    assert.equal(pair.server.streamCount, 0);
  });

  it("what the sink does not take yet may still leave", () => {
    const pair = new Http2Pair();
    pair.ask(requestHead("GET", false));
    pair.settle();
    const [served] = pair.served;
    pair.serverSink.isBlocked = true;
    pair.server.sendResponse(served!, responseHead(200, true), false);
    pair.server.sendData(served!, Buffer.alloc(100), 0, 100);
    pair.server.endReceiving("FIN");
    pair.server.loseStuck();
    assert.deepEqual(served!.record.ends, []);
    pair.serverSink.isBlocked = false;
    pair.server.onSinkDrain();
    pair.server.sendEnd(served!, undefined);
    assert.deepEqual(served!.record.ends, ["closed"]);
  });

  it("an answer that is given up when it has ended already costs no reset", () => {
    const pair = new Http2Pair();
    pair.onRequestEnd = (stream) => {
      pair.server.sendResponse(stream, responseHead(503, false), true);
    };
    pair.settle();
    const stream = pair.ask(requestHead("GET", false));
    const asked = pair.clientSink.take();
    pair.server.receive(asked, 0, asked.length);
    stream.onResponse = () => pair.client.reset(stream, ERROR_CODE.cancel);
    const answered = pair.serverSink.take();
    pair.client.receive(answered, 0, answered.length);
    assert.equal(pair.clientSink.take().length, 0);
    assert.deepEqual(stream.record.ends, ["closed"]);
    assert.deepEqual(pair.served[0]?.record.ends, ["closed"]);
    assert.equal(pair.client.streamCount + pair.server.streamCount, 0);
  });

  it("an answer's content needs a head before it", () => {
    for (const text of ["abc", ""]) {
      const pair = new Http2Pair();
      const stream = pair.ask(requestHead("GET", false));
      pair.settle();
      const data = Buffer.from(
        `\0\0${String.fromCharCode(text.length)}\0\x01\0\0\0\x01${text}`,
        "latin1",
      );
      pair.client.receive(data, 0, data.length);
      assert.match(stream.record.ends.join(), /^malformed: /);
      assert.equal(stream.record.isEnded, false);
    }
  });

  it("a refused CONNECT leaves no half of a stream behind", () => {
    const pair = new Http2Pair();
    pair.onRequest = (stream) => {
      pair.server.sendResponse(stream, responseHead(403, false), true);
    };
    const stream = pair.ask(connectHead(), "app.test:443");
    pair.settle();
    assert.equal(stream.record.heads[0]?.status, 403);
    assert.equal(pair.server.streamCount, 0);
    assert.equal(pair.client.streamCount, 0);
  });
});
