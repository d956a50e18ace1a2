/** The one place where the protocol of an upstream connection becomes a class. */
import type { Socket } from "node:net";
import type { Prng } from "../core/prng.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Http2Options } from "./config/http2-options.ts";
import { Http1ClientConnection } from "./http1-client-connection.ts";
import { Http2ClientConnection } from "./http2-client-connection.ts";
import type { UpstreamConnection, UpstreamConnectionOwner } from "./upstream-connection.ts";

export type UpstreamCodec = "http1" | "http2";

/** What the connections of one cluster share. */
export interface UpstreamCodecServices {
  readonly faults: CallbackFaults;
  /** Coarse ticks. */
  readonly timers: { readonly idle: TimerWheel };
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly http2: Http2Options;
}

/** The connection takes the socket over. */
export type CreateUpstreamConnection = (
  codec: UpstreamCodec,
  socket: Socket,
  owner: UpstreamConnectionOwner,
) => UpstreamConnection;

export function upstreamConnectionsOf(services: UpstreamCodecServices): CreateUpstreamConnection {
  return (codec, socket, owner) => {
    switch (codec) {
      case "http1":
        return new Http1ClientConnection(socket, owner, services.faults);
      case "http2":
        return new Http2ClientConnection(socket, owner, services);
    }
  };
}
