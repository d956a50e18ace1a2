/**
 * The health discovery service, as much of it as Tulle needs: proxies report the health of their own
 * endpoints, the control plane hears of it. No checks are handed out.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type handleBidiStreamingCall, type Server, status } from "@grpc/grpc-js";
import {
  type HealthCheckRequestOrEndpointHealthResponse,
  HealthCheckRequestOrEndpointHealthResponseSchema,
  HealthCheckSpecifierSchema,
} from "../gen/envoy/service/health/v3/hds_pb.js";
import { type EndpointHealth, fromResponse } from "./endpoint-health.ts";
import { bytesStreamMethod, STREAM_HEALTH_CHECK } from "./grpc-bytes.ts";
import { ServerStream } from "./server-stream.ts";
import type { ConnectDecision, StreamPeer } from "./stream-peer.ts";

export interface HdsServerOptions {
  /** How often clients repeat what they report; changes come at once. */
  readonly intervalMs: number;
  /** Called with the first request. Must not throw. */
  readonly onConnect: (stream: StreamPeer) => ConnectDecision;
  /** One report: all endpoints of the proxy whose health is known. */
  readonly onHealth: (stream: StreamPeer, endpoints: readonly EndpointHealth[]) => void;
  /** Called once for each accepted stream. */
  readonly onDisconnect: (stream: StreamPeer, reason: string) => void;
}

type Transport = ServerStream<HealthCheckRequestOrEndpointHealthResponse>;

export class HdsServer {
  readonly #options: HdsServerOptions;
  readonly #specifier: Uint8Array;
  readonly #accepted = new Set<Transport>();
  #streamCount = 0;

  constructor(options: HdsServerOptions) {
    this.#options = options;
    const interval = durationFromMs(options.intervalMs);
    const specifier = create(HealthCheckSpecifierSchema, { interval });
    this.#specifier = toBinary(HealthCheckSpecifierSchema, specifier);
  }

  addTo(server: Server): void {
    server.addService(
      { streamHealthCheck: bytesStreamMethod(STREAM_HEALTH_CHECK) },
      { streamHealthCheck: this.#handler() },
    );
  }

  /** Ends all streams with a status that makes clients try again. */
  closeAll(): void {
    for (const transport of [...this.#accepted]) {
      transport.fail(status.UNAVAILABLE, "the control plane is stopping");
    }
  }

  #handler(): handleBidiStreamingCall<Uint8Array, Uint8Array> {
    return (call) => {
      this.#streamCount += 1;
      const transport: Transport = new ServerStream({
        id: `hds-${this.#streamCount}`,
        call,
        decode: (bytes) => fromBinary(HealthCheckRequestOrEndpointHealthResponseSchema, bytes),
        onRequest: (request) => this.#onRequest(transport, request),
        onDrain: () => undefined,
        onClose: (reason) => {
          if (!this.#accepted.delete(transport) || transport.peer === undefined) return;
          this.#options.onDisconnect(transport.peer, reason);
        },
      });
    };
  }

  #onRequest(transport: Transport, request: HealthCheckRequestOrEndpointHealthResponse): void {
    const { requestType } = request;
    const node = requestType.case === "healthCheckRequest" ? requestType.value.node : undefined;
    if (!transport.admit(node, (peer) => this.#accept(transport, peer))) return;
    if (requestType.case !== "endpointHealthResponse" || transport.peer === undefined) return;
    this.#options.onHealth(transport.peer, fromResponse(requestType.value));
  }

  #accept(transport: Transport, peer: StreamPeer): ConnectDecision {
    const decision = this.#options.onConnect(peer);
    if (!decision.accepted) return decision;
    this.#accepted.add(transport);
    transport.write(this.#specifier);
    return decision;
  }
}
