/**
 * One query to a name server elsewhere, by UDP or TCP, from a socket of its own: so its port is one that nobody can
 * guess (RFC 5452 section 9.2), and what comes from anywhere else is dropped by the kernel.
 */
import { createSocket } from "node:dgram";
import { createConnection, isIPv6 } from "node:net";
import type { Clock } from "../../core/clock.ts";
import type { IpAddress } from "../config/address.ts";
import { answers } from "./query.ts";

export interface UpstreamQuery {
  readonly server: IpAddress;
  readonly transport: "udp" | "tcp";
  /** With an id of its own. Not changed while the query waits. */
  readonly bytes: Uint8Array;
  readonly id: number;
  /** Where the question section ends. */
  readonly questionEnd: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Why there is no answer. */
export type UpstreamFailure = "timeout" | "unreachable" | "malformed";

/** Calls back once, with the answer's bytes, id included, or why there is none. Returns what gives it up in silence. */
export function queryUpstream(
  query: UpstreamQuery,
  onDone: (result: Uint8Array | UpstreamFailure) => void,
): () => void {
  let isDone = false;
  const finish = (result: Uint8Array | UpstreamFailure | undefined): void => {
    if (isDone) return;
    isDone = true;
    timer.cancel();
    close();
    if (result !== undefined) onDone(result);
  };
  const timer = query.clock.schedule(query.timeoutMs, () => finish("timeout"));
  const close = query.transport === "udp" ? askByUdp(query, finish) : askByTcp(query, finish);
  return () => finish(undefined);
}

type Finish = (result: Uint8Array | UpstreamFailure) => void;

function askByUdp({ server, bytes, id, questionEnd }: UpstreamQuery, finish: Finish): () => void {
  const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
  socket.unref();
  // ECONNREFUSED comes here too: the socket is connected.
  socket.on("error", () => finish("unreachable"));
  socket.on("message", (answer) => {
    // Not the answer to this query: the real one may be on the way.
    if (answers(answer, id, bytes, questionEnd)) finish(answer);
  });
  socket.connect(server.port, server.host, () => socket.send(bytes));
  return () => socket.close();
}

function askByTcp({ server, bytes, id, questionEnd }: UpstreamQuery, finish: Finish): () => void {
  const socket = createConnection({ host: server.host, port: server.port });
  socket.unref();
  let received: Buffer = Buffer.alloc(0);
  socket.on("error", () => finish("unreachable"));
  socket.on("close", () => finish("unreachable"));
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (received.length < 2) return;
    const size = received.readUInt16BE(0);
    if (received.length < size + 2) return;
    const answer = received.subarray(2, size + 2);
    finish(answers(answer, id, bytes, questionEnd) ? answer : "malformed");
  });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  socket.end(Buffer.concat([length, bytes]));
  return () => socket.destroy();
}
