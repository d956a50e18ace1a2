/**
 * Reports the health of the sidecar's own endpoints to the control plane over the standard health discovery
 * service: at once when it changes, and at the interval that the server asks for.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import {
  Capability_Protocol,
  HealthCheckRequestOrEndpointHealthResponseSchema,
  HealthCheckSpecifierSchema,
} from "../gen/envoy/service/health/v3/hds_pb.js";
import type { GrpcClientFactory } from "./channel-options.ts";
import { type EndpointHealth, toMessage } from "./endpoint-health.ts";
import { STREAM_HEALTH_CHECK } from "./grpc-bytes.ts";
import { HDS_INTERVAL_MS_MIN } from "./limits.ts";
import { ReconnectingStream } from "./reconnecting-stream.ts";

export interface HdsClientOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly createClient: GrpcClientFactory;
  readonly node: Node;
}

export class HdsClient {
  readonly #options: HdsClientOptions;
  readonly #stream: ReconnectingStream;
  #endpoints: readonly EndpointHealth[] = [];
  /** Undefined until the server has asked for reports on this stream. */
  #intervalMs: number | undefined;
  #timer: Timer | undefined;

  constructor(options: HdsClientOptions) {
    this.#options = options;
    this.#stream = new ReconnectingStream({
      path: STREAM_HEALTH_CHECK,
      createClient: options.createClient,
      clock: options.clock,
      prng: options.prng,
      onOpen: () => this.#introduce(),
      onMessage: (bytes) => this.#onSpecifier(bytes),
      onClose: (reason) => this.#onClose(reason),
    });
  }

  start(): void {
    this.#stream.start();
  }

  /** As `ReconnectingStream.hurry`. */
  hurry(): void {
    this.#stream.hurry();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#intervalMs = undefined;
    this.#stream.stop();
  }

  /** Replaces what is reported. Sent at once when connected, and again after every reconnect. */
  report(endpoints: readonly EndpointHealth[]): void {
    this.#endpoints = endpoints;
    if (this.#intervalMs !== undefined) this.#sendReport(this.#intervalMs);
  }

  #introduce(): void {
    const { node } = this.#options;
    const capability = { healthCheckProtocols: [Capability_Protocol.TCP] };
    this.#send({ requestType: { case: "healthCheckRequest", value: { node, capability } } });
  }

  #onSpecifier(bytes: Uint8Array): void {
    try {
      const { interval } = fromBinary(HealthCheckSpecifierSchema, bytes);
      this.#intervalMs = Math.max(HDS_INTERVAL_MS_MIN, interval ? durationMs(interval) : 0);
    } catch (error) {
      this.#options.log.error("unreadable health check specifier", { reason: messageOf(error) });
      return;
    }
    this.#sendReport(this.#intervalMs);
  }

  #sendReport(intervalMs: number): void {
    const endpointsHealth = this.#endpoints.map(toMessage);
    this.#send({ requestType: { case: "endpointHealthResponse", value: { endpointsHealth } } });
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(intervalMs, () => this.#sendReport(intervalMs));
  }

  #onClose(reason: string): void {
    this.#timer?.cancel();
    this.#intervalMs = undefined;
    this.#options.log.debug("health report stream ended", { reason });
  }

  #send(message: MessageInitShape<typeof HealthCheckRequestOrEndpointHealthResponseSchema>): void {
    const schema = HealthCheckRequestOrEndpointHealthResponseSchema;
    this.#stream.send(toBinary(schema, create(schema, message)));
  }
}
