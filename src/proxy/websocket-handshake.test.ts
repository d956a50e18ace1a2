import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { RequestHead } from "../http/request-head.ts";
import { ResponseHead } from "../http/response-head.ts";
import { websocketAccept } from "../http1/websocket-key.ts";
import { answerWebsocketKey, WebsocketHandshake } from "./websocket-handshake.ts";

const KEY = new HeaderName("sec-websocket-key");
const ACCEPT = new HeaderName("sec-websocket-accept");

function offer(upgrade: string): RequestHead {
  const head = new RequestHead();
  head.upgrade = upgrade;
  return head;
}

function answer(accept: string | undefined): ResponseHead {
  const head = new ResponseHead();
  if (accept !== undefined) head.headers.add(new HeaderField(ACCEPT, accept));
  return head;
}

test("a client without a key gets one, whose answer is checked and goes no further", () => {
  const handshake = new WebsocketHandshake();
  const head = offer("WebSocket");
  handshake.begin(head);
  const key = head.headers.get("sec-websocket-key") ?? "";
  assert.equal(Buffer.from(key, "base64").length, 16);
  assert.equal(handshake.accepts(answer(undefined)), false);
  assert.equal(handshake.accepts(answer(websocketAccept("other"))), false);
  const right = answer(websocketAccept(key));
  assert.ok(handshake.accepts(right));
  assert.equal(right.headers.get("sec-websocket-accept"), undefined);
});

test("a client with a key checks the answer itself", () => {
  const handshake = new WebsocketHandshake();
  const head = offer("websocket");
  head.headers.add(new HeaderField(KEY, "mine"));
  handshake.begin(head);
  assert.deepEqual(head.headers.valuesOf("sec-websocket-key"), ["mine"]);
  const wrong = answer("x");
  assert.ok(handshake.accepts(wrong));
  assert.equal(wrong.headers.get("sec-websocket-accept"), "x");
});

test("other protocols have no such handshake", () => {
  const handshake = new WebsocketHandshake();
  const head = offer("spdy/3.1");
  handshake.begin(head);
  assert.equal(head.headers.get("sec-websocket-key"), undefined);
  assert.ok(handshake.accepts(answer(undefined)));
});

test("a key is answered for an upstream that has none, and only then", () => {
  const none = new HeaderBlock();
  answerWebsocketKey(undefined, none);
  assert.equal(none.get("sec-websocket-accept"), undefined);
  answerWebsocketKey("k", none);
  assert.equal(none.get("sec-websocket-accept"), websocketAccept("k"));
  answerWebsocketKey("other", none);
  assert.deepEqual(none.valuesOf("sec-websocket-accept"), [websocketAccept("k")]);
});
