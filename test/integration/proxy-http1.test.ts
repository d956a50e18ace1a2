import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type RawUpstreamOptions } from "../support/raw-upstream.ts";

interface Setup {
  readonly proxy: ProxyFixture;
  readonly upstream: RawUpstream;
  readonly client: RawClient;
}

async function setUp(context: TestContext, options: RawUpstreamOptions = {}): Promise<Setup> {
  const upstream = await RawUpstream.start(context, options);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [upstream.port] }]),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { proxy, upstream, client };
}

const echo: RawUpstreamOptions = { onRequest: (request) => request.reply(request.target) };

test("one connection carries many requests, on one connection upstream", async (context) => {
  const { client, upstream } = await setUp(context, echo);
  for (const path of ["/a", "/b", "/c"]) {
    client.get(path);
    assert.equal((await client.response()).body, path);
  }
  assert.equal(upstream.connections.length, 1);
});

test("1,000 pipelined requests are answered in order by a slow upstream", async (context) => {
  const { client, upstream } = await setUp(context);
  const paths = Array.from({ length: 1000 }, (_, index) => `/${index}`);
  client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`).join(""));
  for (const path of paths) {
    const request = await upstream.next();
    assert.equal(request.target, path);
    assert.equal(upstream.requests.length, Number(path.slice(1)) + 1, "one at a time");
    request.reply(path);
    assert.equal((await client.response()).body, path);
  }
  assert.equal(upstream.connections.length, 1);
});

test("a chunked request and a chunked response pass with their trailers", async (context) => {
  const { client, upstream } = await setUp(context);
  client.send(
    "POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
      "5;ext=1\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n",
  );
  const request = await upstream.next();
  assert.equal(request.body, "hello, world");
  assert.deepEqual(request.trailers, ["X-Sum: 12"]);
  request.connection.send(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3;x\r\ndef\r\n0\r\nX-End: yes\r\n\r\n",
  );
  const response = await client.response();
  assert.equal(response.body, "abcdef");
  assert.deepEqual(response.trailers, ["X-End: yes"]);
  client.get("/again");
  (await upstream.next()).reply("ok");
  assert.equal((await client.response()).body, "ok");
  assert.equal(upstream.connections.length, 1);
});

test("body bytes go through as they come, in both directions", async (context) => {
  const { client, upstream } = await setUp(context, {
    onHead: (_head, connection) => {
      connection.socket.once("data", () => {});
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    },
  });
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\n12");
  await client.text(/ab$/);
  client.send("34");
  const request = await upstream.next();
  assert.equal(request.body, "1234");
  request.connection.send("cd");
  assert.equal((await client.response()).body, "abcd");
});

test("Expect: 100-continue is forwarded, and the body follows the permission", async (context) => {
  const { client, upstream } = await setUp(context, {
    onHead: (head, connection) => {
      assert.equal(headerOf(head, "expect"), "100-continue");
      connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    },
  });
  client.send("PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  await client.text(/100 Continue\r\n\r\n$/);
  client.send("ok");
  (await upstream.next()).reply("stored");
  const response = await client.response("PUT");
  assert.equal(response.body, "stored");
  assert.equal(response.interim.length, 1);
});

test("a final answer instead of a permission closes both connections", async (context) => {
  const { client, upstream } = await setUp(context, {
    onHead: (_head, connection) => {
      connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    },
  });
  client.send("PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  const response = await client.response("PUT");
  assert.equal(response.status, 413);
  assert.ok(RawClient.closes(response));
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });
  await upstream.until(() => upstream.openCount === 0);
});

test("an early answer to a long body closes the connection, to a short one keeps it", async (context) => {
  const { client, upstream, proxy } = await setUp(context, {
    onHead: (_head, connection) => {
      connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    },
  });
  client.send("POST /short HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\n12");
  assert.equal(RawClient.closes(await client.response()), false);
  // The half-sent upstream connection is gone, the rest of the body is dropped.
  await upstream.until(() => upstream.openCount === 0);
  client.send("34POST /long HTTP/1.1\r\nHost: app\r\nContent-Length: 70000\r\n\r\n12");
  assert.equal(RawClient.closes(await client.response()), true);
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });
  await upstream.until(() => upstream.connections.length === 2 && upstream.openCount === 0);
  assert.equal(proxy.metric("istio_requests_total", 'response_code="401"'), 2);
});

test("answers to HEAD and with 204 or 304 have no body, whatever their fields say", async (context) => {
  const { client, upstream } = await setUp(context);
  client.send("HEAD / HTTP/1.1\r\nHost: app\r\n\r\n");
  (await upstream.next()).connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
  assert.equal(headerOf(await client.response("HEAD"), "content-length"), "99");
  client.get("/204");
  (await upstream.next()).connection.send("HTTP/1.1 204 No Content\r\n\r\n");
  const none = await client.response();
  assert.equal(none.status, 204);
  assert.equal(headerOf(none, "content-length"), undefined);
  client.get("/304");
  (await upstream.next()).connection.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
  assert.equal((await client.response()).status, 304);
  client.get("/chunked");
  (await upstream.next()).connection.send(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  );
  assert.equal((await client.response()).body, "");
  assert.equal(upstream.connections.length, 1);
});

test("interim answers reach the client, but for one that speaks HTTP/1.0", async (context) => {
  const { client, upstream } = await setUp(context);
  const answer =
    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  client.get();
  (await upstream.next()).connection.send(answer);
  const [hints] = (await client.response()).interim;
  assert.deepEqual(hints, {
    start: "HTTP/1.1 103 Early Hints",
    lines: ["Link: </a.css>"],
    body: "",
    trailers: [],
  });
  client.send("GET / HTTP/1.0\r\nHost: app\r\n\r\n");
  (await upstream.next()).connection.send(answer);
  assert.deepEqual((await client.response()).interim, []);
});

test("names keep their case and order, and fields of one hop stay behind", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get("/", [
    "X-First: 1",
    "x-SECOND: 2",
    "Connection: close, X-Mine",
    "X-Mine: secret",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "TE: trailers, deflate",
    "x-third:3",
  ]);
  const request = await upstream.next();
  const own = request.lines.filter((line) => /^x-(first|second|third|mine)/i.test(line));
  assert.deepEqual(own, ["X-First: 1", "x-SECOND: 2", "x-third: 3"]);
  for (const name of ["connection", "keep-alive", "proxy-connection", "te"]) {
    assert.equal(headerOf(request, name), undefined, name);
  }
  request.reply("", [
    "X-Answer: a",
    "Connection: X-Hidden",
    "X-Hidden: h",
    "Keep-Alive: timeout=9",
  ]);
  const response = await client.response();
  assert.ok(response.lines.includes("X-Answer: a"));
  assert.equal(headerOf(response, "x-hidden"), undefined);
  assert.equal(headerOf(response, "keep-alive"), undefined);
  assert.equal(headerOf(response, "connection"), "close");
});

test("a client that speaks HTTP/1.0 gets a body that ends with its connection", async (context) => {
  const { client, upstream } = await setUp(context);
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  (await upstream.next()).connection.send(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  );
  const response = await client.response();
  assert.equal(response.body, "abc");
  assert.equal(headerOf(response, "transfer-encoding"), undefined);
});

test("HTTP/1.0 with a length keeps its connection when it asks to", async (context) => {
  const { client, upstream } = await setUp(context, echo);
  for (const path of ["/1", "/2"]) {
    client.send(`GET ${path} HTTP/1.0\r\nHost: app\r\nConnection: keep-alive\r\n\r\n`);
    const response = await client.response();
    assert.equal(response.body, path);
    assert.equal(headerOf(response, "connection"), "keep-alive");
  }
  assert.match(upstream.requests[0]?.start ?? "", /HTTP\/1\.1$/);
});

test("a body that ends with its connection is sent on in chunks, and is complete", async (context) => {
  const { client, upstream } = await setUp(context);
  for (const version of ["1.0", "1.1"]) {
    client.get();
    (await upstream.next()).connection.send(`HTTP/${version} 200 OK\r\n\r\nall of it`).socket.end();
    const response = await client.response();
    assert.equal(response.body, "all of it");
    assert.equal(headerOf(response, "transfer-encoding"), "chunked");
  }
  assert.equal(upstream.connections.length, 2);
});

test("a client that ends its side gets the answers to what it sent", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get("/a").get("/b");
  client.socket.end();
  (await upstream.next()).reply("a");
  assert.equal((await client.response()).body, "a");
  (await upstream.next()).reply("b");
  assert.equal((await client.response()).body, "b");
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });
});

test("half a request behind the last one is dropped when the client ends", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get("/a").send("GET /b HTTP/1.1\r\nHo");
  client.socket.end();
  (await upstream.next()).reply("a");
  assert.equal((await client.response()).body, "a");
  assert.equal((await client.ending()).unread, "");
  assert.equal(upstream.requests.length, 1);
});

test("an empty line behind a body is no request and does not age the connection", async (context) => {
  const { client, upstream, proxy } = await setUp(context, echo);
  client.send("POST /a HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi\r\n");
  assert.equal((await client.response()).body, "/a");
  const [connection] = proxy.httpServer().connections;
  assert.ok(connection !== undefined && "isIdle" in connection && connection.isIdle === true);
  client.get("/b");
  assert.equal((await client.response()).body, "/b");
  assert.equal(upstream.requests.length, 2);
});

test("a client that goes away resets its request upstream and counts as DC", async (context) => {
  const { client, upstream, proxy } = await setUp(context);
  client.get("/in-response");
  const first = await upstream.next();
  first.connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
  await client.text(/ab$/);
  client.socket.resetAndDestroy();
  await upstream.until(() => upstream.openCount === 0);

  const second = await RawClient.connect(proxy.port());
  second.send("POST /in-request HTTP/1.1\r\nHost: app\r\nContent-Length: 9\r\n\r\nab");
  await upstream.until(() => upstream.connections.length === 2);
  second.close();
  await upstream.until(() => upstream.openCount === 0);

  // An end may be the end of one side only: it is known for the end of both once a byte is sent.
  const third = await RawClient.connect(proxy.port());
  third.get("/waiting");
  const { connection } = await upstream.next();
  third.close();
  connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const drip = setInterval(() => connection.send("1\r\na\r\n"), 5);
  context.after(() => clearInterval(drip));
  await upstream.until(() => upstream.openCount === 0);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="DC"'), 3);
  assert.equal(proxy.dataPlane.clusters.get("app")?.activeRequests, 0);
});

test("a response that breaks off upstream never looks complete to the client", async (context) => {
  const { upstream, proxy } = await setUp(context);
  const broken = [
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
  ];
  for (const version of ["1.0", "1.1"]) {
    for (const text of broken) {
      const client = await RawClient.connect(proxy.port());
      client.send(`GET / HTTP/${version}\r\nHost: app\r\n\r\n`);
      const { connection } = await upstream.next();
      connection.send(text);
      await client.text(/ab/);
      connection.socket.end();
      await assert.rejects(client.response(), version === "1.0" ? /reset within/ : /within/);
    }
  }
  const client = await RawClient.connect(proxy.port());
  client.get();
  const { connection } = await upstream.next();
  connection.send("HTTP/1.1 200 OK\r\n\r\nab");
  await client.text(/ab/);
  connection.socket.resetAndDestroy();
  await assert.rejects(client.response(), /within a response/);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="UC"'), 7);
});

test("an upstream that closes before it answers gives 503 on a connection that lives on", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get("/lost");
  (await upstream.next()).connection.socket.end();
  const lost = await client.response();
  assert.equal(lost.status, 503);
  assert.match(lost.body, /closed the connection before it answered/);
  client.get("/next");
  (await upstream.next()).reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("a long last response reaches a client that reads late, whole", async (context) => {
  const { client, upstream } = await setUp(context);
  client.socket.pause();
  client.get("/", ["Connection: close"]);
  const body = "x".repeat(4_000_000);
  const { connection } = await upstream.next();
  connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
  connection.socket.write(body.slice(0, -1), "latin1");
  client.socket.resume();
  connection.send("x");
  assert.equal((await client.response()).body.length, body.length);
  assert.deepEqual(await client.ending(), { how: "end", unread: "" });
});
