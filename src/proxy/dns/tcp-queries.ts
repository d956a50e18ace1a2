/** Queries of one TCP connection, one after the other: RFC 7766, each behind its length. */
import type { Socket } from "node:net";
import type { Clock, Timer } from "../../core/clock.ts";
import { DNS_QUERY_BYTES_MAX, DNS_TCP_IDLE_TIMEOUT_MS } from "../../core/limits.ts";
import type { Responder } from "./responder.ts";

export interface TcpQueriesOptions {
  readonly socket: Socket;
  readonly responder: Responder;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

/** Serves until the client goes, says something that is no query, or has been silent for too long. */
export function serveTcpQueries({ socket, responder, clock, onFault }: TcpQueriesOptions): void {
  let received: Buffer = Buffer.alloc(0);
  let isBusy = false;
  let hasEnded = false;
  let idle: Timer | undefined;
  const touch = (): void => {
    idle?.cancel();
    idle = clock.schedule(DNS_TCP_IDLE_TIMEOUT_MS, () => socket.destroy());
  };
  const next = (): void => {
    while (!isBusy && received.length >= 2) {
      const size = received.readUInt16BE(0);
      if (size > DNS_QUERY_BYTES_MAX) return void socket.destroy();
      if (received.length < size + 2) break;
      const request = received.subarray(2, size + 2);
      received = received.subarray(size + 2);
      isBusy = true;
      // Nothing more is read meanwhile: a client that asks without reading waits by itself.
      socket.pause();
      if (!responder.respond(request, "tcp", answered)) return void socket.destroy();
    }
    if (!isBusy && hasEnded) socket.end();
  };
  const answered = (answer: Uint8Array): void => {
    if (socket.destroyed) return;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(answer.length);
    socket.write(Buffer.concat([length, answer]));
    isBusy = false;
    touch();
    socket.resume();
    guard(next);
  };
  const guard = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      onFault(error);
      socket.destroy();
    }
  };
  touch();
  socket.on("error", () => socket.destroy());
  socket.on("close", () => idle?.cancel());
  socket.on("end", () => {
    hasEnded = true;
    guard(next);
  });
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    touch();
    guard(next);
  });
}
