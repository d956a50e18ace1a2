/**
 * A request that provably never reached the app is sent elsewhere, whatever its method: the app's own proxy marks its
 * answer (local_reply_config), and the caller's proxy sends again what it has kept (retriable_headers).
 */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type RawUpstreamOptions } from "../support/raw-upstream.ts";

const MARKER = "x-undelivered";
const MARKED = `HTTP/1.1 503 no\r\n${MARKER}: 1\r\ncontent-length: 0\r\n\r\n`;
/** What the proxy keeps of a body. */
const KEPT_BYTES = 64 * 1024;

const RETRY: JsonObject = {
  retry_policy: {
    retry_on: "connect-failure,retriable-headers",
    num_retries: 2,
    retriable_headers: [{ name: MARKER, present_match: true }],
    retry_back_off: { base_interval: "0.001s" },
  },
};

/** An endpoint that marks its answers, and one that answers with the body. They get first tries in turn. */
async function setUp(context: TestContext, markingOptions: RawUpstreamOptions) {
  const marking = await RawUpstream.start(context, markingOptions);
  const heads = new EventEmitter();
  const echoing = await RawUpstream.start(context, {
    onHead: () => heads.emit("head"),
    onRequest: (request) => request.reply(`${request.method} ${request.body}`),
  });
  const endpoints = [marking.port, echoing.port];
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", RETRY)] }],
      [{ name: "app", endpoints, fields: { lb_policy: "ROUND_ROBIN" } }],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { marking, echoing, heads, client };
}

const MARKS_AT_ONCE: RawUpstreamOptions = { onHead: (_, { socket }) => socket.write(MARKED) };

function head(length: number): string {
  return `POST / HTTP/1.1\r\nhost: app\r\ncontent-length: ${length}\r\n\r\n`;
}

test("a marked answer sends the request with its body to another endpoint, every time", async (context) => {
  const { marking, echoing, client } = await setUp(context, MARKS_AT_ONCE);
  for (let round = 0; round < 4; round++) {
    const body = `order ${round}`;
    client.send(head(body.length) + body);
    const answer = await client.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.body, `POST ${body}`);
  }
  assert.ok(marking.connections.length > 0);
  assert.deepEqual(
    echoing.requests.map(({ body }) => body),
    ["order 0", "order 1", "order 2", "order 3"],
  );
});

test("a body that is still coming goes on to the other endpoint", async (context) => {
  const { heads, client } = await setUp(context, MARKS_AT_ONCE);
  for (let round = 0; round < 2; round++) {
    const arrived = once(heads, "head");
    client.send(`${head(8)}half`);
    await arrived;
    client.send("half");
    const answer = await client.response();
    assert.equal(answer.body, "POST halfhalf");
  }
});

test("a body that is larger than what is kept is not sent again", async (context) => {
  const marksAtEnd: RawUpstreamOptions = {
    onRequest: ({ connection }) => connection.send(MARKED),
  };
  const { echoing, client } = await setUp(context, marksAtEnd);
  const statuses: number[] = [];
  for (const size of [KEPT_BYTES, KEPT_BYTES, KEPT_BYTES + 1, KEPT_BYTES + 1]) {
    client.send(head(size) + "x".repeat(size));
    statuses.push((await client.response()).status);
  }
  assert.deepEqual(statuses.toSorted(), [200, 200, 200, 503]);
  assert.equal(echoing.requests.length, 3);
});

test("a proxy marks its own answer when the app does not listen, and no other", async (context) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const manager: JsonObject = {
    local_reply_config: {
      mappers: [
        {
          filter: { response_flag_filter: { flags: ["UF", "UH"] } },
          headers_to_add: [{ header: { key: MARKER, value: "1" } }],
        },
      ],
    },
  };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app")], manager, direction: "INBOUND" }],
      [{ name: "app", endpoints: [port] }],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  server.on("connection", (socket) => socket.once("data", () => socket.destroy()));
  const broken = await client.get().response();
  assert.equal(broken.status, 503);
  assert.equal(headerOf(broken, MARKER), undefined, "the app may have seen the request");
  await once(server.close(), "close");
  const refused = await client.get().response();
  assert.equal(refused.status, 503);
  assert.equal(headerOf(refused, MARKER), "1");
});
