/** Streams and connections that end before all of a message has come, found by comparing with Envoy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Http2Pair, requestHead, responseHead } from "../../test/support/http2-pair.ts";
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
