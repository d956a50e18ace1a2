/** Answers of the proxy's own: text for people, JSON for programs, and the table of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requestFor, tableOf } from "../../test/support/routing-fixture.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { HEADER } from "../http/header-name.ts";
import { reasonOf } from "../http/status.ts";
import { FLAG, RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import { LOCAL_REPLY, localAnswer, replyForFailure } from "./local-reply.ts";
import type { UpstreamFailure } from "./stream.ts";

function accepting(value: string | undefined): HeaderBlock {
  const headers = new HeaderBlock();
  if (value === undefined) return headers;
  const text = `accept: ${value}\r\n`;
  headers.text = text;
  headers.push(HEADER.accept, 0, 6, 8, text.length - 2);
  return headers;
}

test("every reply has a status with a phrase, a flag, Envoy's details and a sentence", () => {
  for (const [name, reply] of Object.entries(LOCAL_REPLY)) {
    assert.ok(reply.status >= 400, name);
    assert.notEqual(reasonOf(reply.status), "Unknown", name);
    assert.ok(RESPONSE_FLAGS[reply.flag] !== undefined, name);
    assert.match(reply.details, /^[a-z0-9_.]+(\{[A-Za-z_,]+\})?$/, name);
    assert.match(reply.message, /^[a-z].*[^.]$/, name);
  }
});

test("people read a line, with the reason of this one case behind the message", () => {
  const reply = LOCAL_REPLY.connectFailed;
  const { headers, body } = localAnswer(reply, "connection refused", accepting("*/*"), undefined);
  assert.equal(headers.toLines(), "content-type: text/plain\r\n");
  assert.equal(body, "the upstream could not be connected to: connection refused\n");
  const { body: plain } = localAnswer(reply, "", accepting(undefined), undefined);
  assert.equal(plain, "the upstream could not be connected to\n");
});

test("programs that accept JSON read JSON", () => {
  for (const type of ["application/json", "application/problem+json, */*;q=0.1"]) {
    const reply = LOCAL_REPLY.upstreamTimeout;
    const { headers, body } = localAnswer(reply, 'a "reason"', accepting(type), undefined);
    assert.equal(headers.toLines(), "content-type: application/json\r\n");
    assert.ok(body.endsWith("\n"));
    assert.deepEqual(JSON.parse(body), {
      status: 504,
      flag: "UT",
      details: "response_timeout",
      message: `${reply.message}: a "reason"`,
    });
  }
});

test("a request whose head could not be read gets text", () => {
  const { headers } = localAnswer(LOCAL_REPLY.downstreamProtocolError, "", undefined, undefined);
  assert.equal(headers.toLines(), "content-type: text/plain\r\n");
});

test("the route's changes of response headers hold for the proxy's own answers", () => {
  const table = tableOf({
    match: { prefix: "/" },
    route: { cluster: "c" },
    response_headers_to_add: [{ header: { key: "x-route", value: "1" } }],
  });
  const match = table.match(requestFor("/"));
  const { headers } = localAnswer(LOCAL_REPLY.noHealthyUpstream, "", accepting(undefined), match);
  assert.equal(headers.toLines(), "content-type: text/plain\r\nx-route: 1\r\n");
});

test("each failure of an upstream has its reply", () => {
  const kinds: Readonly<Record<UpstreamFailure["kind"], number>> = {
    "connect-failed": FLAG.UF,
    "connect-timeout": FLAG.UF,
    "tls-failed": FLAG.UF,
    "connection-closed": FLAG.UC,
    "stream-refused": FLAG.UR,
    "stream-reset": FLAG.UR,
    "protocol-error": FLAG.UPE,
    "try-timeout": FLAG.UT,
    "try-idle-timeout": FLAG.UT,
    "stream-duration": FLAG.UMSDR,
  };
  for (const [kind, flag] of Object.entries(kinds)) {
    const failure = { kind, reason: "" } as UpstreamFailure;
    assert.equal(replyForFailure(failure).flag, flag, kind);
  }
});
