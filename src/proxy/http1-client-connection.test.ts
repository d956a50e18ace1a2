import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { TimerWheel } from "../core/timer-wheel.ts";
import { RequestHead } from "../http/request-head.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { CallbackFaults } from "./callback-faults.ts";
import { createDialer } from "./dialer.ts";
import { Http1ClientConnection } from "./http1-client-connection.ts";
import type { ClientStreamHandler } from "./stream.ts";

/** Sends a GET to an upstream that does `act` with it, and returns what the exchange hears until it is over. */
async function hear(act: (socket: Socket) => void): Promise<readonly string[]> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => act(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const connection = await dial(port);
  const heard: string[] = [];
  await new Promise<void>((resolve) => {
    connection.open(handlerThatNotes(heard, resolve));
    const head = new RequestHead();
    head.method = "GET";
    connection.sendHead(head, "/", "catalog");
    connection.sendEnd(undefined);
  });
  connection.destroy();
  server.close();
  return heard;
}

function dial(port: number): Promise<Http1ClientConnection> {
  const timers = new TimerWheel(new ManualClock(), 20);
  const faults = new CallbackFaults(new MetricRegistry(), silentLogger);
  const dialer = createDialer({ connectTimeoutMs: 1000, timers, faults, tls: undefined });
  const owner = {
    onConnectionRoom: () => {},
    onConnectionDraining: () => {},
    onConnectionClosed: () => {},
  };
  return new Promise((resolve, reject) => {
    dialer.dial({ host: "127.0.0.1", port }, [], (result) => {
      if (result.kind !== "connected") reject(new Error(result.kind));
      else resolve(new Http1ClientConnection(result.socket, owner, faults));
    });
  });
}

function handlerThatNotes(heard: string[], onOver: () => void): ClientStreamHandler {
  const noteLast = (call: string): void => {
    heard.push(call);
    onOver();
  };
  return {
    onStreamReady: () => {},
    onInterim: () => {},
    onResponseHead: ({ status }) => heard.push(`head ${status}`),
    onResponseBody: (bytes, start, end) =>
      heard.push(`body ${bytes.toString("latin1", start, end)}`),
    onResponseEnd: () => noteLast("end"),
    onUpstreamFailure: ({ kind }) => noteLast(`failure ${kind}`),
    onUpstreamDrain: () => {},
  };
}

const UNTIL_CLOSE = "HTTP/1.1 200 OK\r\n\r\nto be";

test("an upstream that ends without an answer is a failure", async () => {
  assert.deepEqual(await hear((socket) => socket.end()), ["failure connection-closed"]);
});

test("an upstream that resets without an answer is a failure", async () => {
  assert.deepEqual(await hear((socket) => socket.resetAndDestroy()), ["failure connection-closed"]);
});

test("a body without a length ends with its connection", async () => {
  assert.deepEqual(await hear((socket) => socket.end(UNTIL_CLOSE)), [
    "head 200",
    "body to be",
    "end",
  ]);
});

test("a body without a length that is reset is a failure: nobody knows whether it is whole", async () => {
  const heard = await hear((socket) => socket.write(UNTIL_CLOSE, () => socket.resetAndDestroy()));
  assert.equal(heard.at(-1), "failure connection-closed");
});
