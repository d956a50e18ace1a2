/**
 * The Aggregated Discovery Service over gRPC: accepts streams, decodes requests, and carries bytes between
 * the transport and one `AdsStream` each. Who may connect and what each proxy gets is the control plane's.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type handleBidiStreamingCall, type Server, status } from "@grpc/grpc-js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import type { AdsServerOptions } from "./ads-server-options.ts";
import { AdsStream, type RequestProblem } from "./ads-stream.ts";
import { ClusterReferenceIndex } from "./cluster-references.ts";
import {
  bytesStreamMethod,
  DELTA_AGGREGATED_RESOURCES,
  STREAM_AGGREGATED_RESOURCES,
} from "./grpc-bytes.ts";
import type { ProxyRecord } from "./proxy-record.ts";
import { ResponseEncoder } from "./response-encoder.ts";
import { ServerStream } from "./server-stream.ts";
import { SetVersions } from "./set-version.ts";
import type { ProxySnapshot } from "./snapshot.ts";
import type { ConnectDecision, StreamPeer } from "./stream-peer.ts";
import { shortTypeName } from "./type-urls.ts";

type Protocol = "sotw" | "delta";

/** What can be done with a stream without knowing what its requests are. */
type Transport = Pick<ServerStream<never>, "fail" | "peer" | "write">;

interface Connection {
  readonly peer: StreamPeer;
  readonly stream: AdsStream;
  readonly transport: Transport;
}

export class AdsServer {
  readonly #options: AdsServerOptions;
  readonly #encoder: ResponseEncoder;
  readonly #references = new ClusterReferenceIndex();
  readonly #setVersions = new SetVersions();
  readonly #connections = new Map<string, Connection>();
  #streamCount = 0;

  constructor(options: AdsServerOptions) {
    this.#options = options;
    this.#encoder = new ResponseEncoder(options.identifier ?? "tulle");
  }

  /** Registers both variants of the service. */
  addTo(server: Server): void {
    server.addService(
      {
        streamAggregatedResources: bytesStreamMethod(STREAM_AGGREGATED_RESOURCES),
        deltaAggregatedResources: bytesStreamMethod(DELTA_AGGREGATED_RESOURCES),
      },
      {
        streamAggregatedResources: this.#sotwHandler(),
        deltaAggregatedResources: this.#deltaHandler(),
      },
    );
  }

  /** What the proxy of this stream is to have from now on. Ignored when the stream is gone. */
  setSnapshot(streamId: string, snapshot: ProxySnapshot): void {
    this.#connections.get(streamId)?.stream.setSnapshot(snapshot);
  }

  /** What was sent, acknowledged and refused; undefined when the stream is gone. */
  record(streamId: string): ProxyRecord | undefined {
    return this.#connections.get(streamId)?.stream.record;
  }

  /** Ends one stream; the client is expected to come back. */
  close(streamId: string, details: string): void {
    this.#connections.get(streamId)?.transport.fail(status.UNAVAILABLE, details);
  }

  /** Ends all streams with a status that makes clients try again. */
  closeAll(): void {
    for (const { transport } of [...this.#connections.values()]) {
      transport.fail(status.UNAVAILABLE, "the control plane is stopping");
    }
  }

  #sotwHandler(): handleBidiStreamingCall<Uint8Array, Uint8Array> {
    return (call) => {
      const transport: ServerStream<DiscoveryRequest> = new ServerStream({
        ...this.#transportEvents(),
        call,
        decode: (bytes) => fromBinary(DiscoveryRequestSchema, bytes),
        onRequest: (request) => {
          if (!transport.admit(request.node, (peer) => this.#accept("sotw", peer, transport)))
            return;
          reject(transport, this.#stream(transport)?.onSotwRequest(request));
        },
      });
    };
  }

  #deltaHandler(): handleBidiStreamingCall<Uint8Array, Uint8Array> {
    return (call) => {
      const transport: ServerStream<DeltaDiscoveryRequest> = new ServerStream({
        ...this.#transportEvents(),
        call,
        decode: (bytes) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
        onRequest: (request) => {
          if (!transport.admit(request.node, (peer) => this.#accept("delta", peer, transport)))
            return;
          reject(transport, this.#stream(transport)?.onDeltaRequest(request));
        },
      });
    };
  }

  #transportEvents(): {
    readonly id: string;
    readonly onDrain: () => void;
    readonly onClose: (reason: string) => void;
  } {
    this.#streamCount += 1;
    const id = `ads-${this.#streamCount}`;
    return {
      id,
      onDrain: () => this.#connections.get(id)?.stream.drained(),
      onClose: (reason) => this.#onClose(id, reason),
    };
  }

  #stream(transport: Transport): AdsStream | undefined {
    return transport.peer && this.#connections.get(transport.peer.id)?.stream;
  }

  #accept(protocol: Protocol, peer: StreamPeer, transport: Transport): ConnectDecision {
    const { id } = peer;
    const stream = this.#createStream(protocol, peer, transport);
    // Registered first, so that `onConnect` may give it its snapshot at once.
    this.#connections.set(id, { peer, stream, transport });
    const decision = this.#options.onConnect(peer);
    if (decision.accepted) {
      this.#options.log.info("proxy connected", { stream: id, node: peer.node.id, protocol });
    } else {
      this.#connections.delete(id);
      stream.close();
      const { details } = decision;
      this.#options.log.warn("proxy refused", { stream: id, node: peer.node.id, reason: details });
    }
    return decision;
  }

  #createStream(protocol: Protocol, peer: StreamPeer, transport: Transport): AdsStream {
    const { id, node } = peer;
    return new AdsStream({
      protocol,
      clock: this.#options.clock,
      encoder: this.#encoder,
      references: this.#references,
      setVersions: this.#setVersions,
      write: (response) => transport.write(response),
      onAcknowledge: (acknowledgedRevision) =>
        this.#options.onAcknowledge({ streamId: id, acknowledgedRevision }),
      onRefuse: (refusal) => {
        const { names, revision, message } = refusal;
        const type = shortTypeName(refusal.typeUrl);
        const fields = { stream: id, node: node.id, type, names, revision, reason: message };
        this.#options.log.warn("proxy refused configuration", fields);
        this.#options.onRefuse({ streamId: id, ...refusal });
      },
    });
  }

  #onClose(id: string, reason: string): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    const { peer, stream } = connection;
    this.#connections.delete(id);
    stream.close();
    this.#options.log.info("proxy disconnected", { stream: id, node: peer.node.id, reason });
    this.#options.onDisconnect(peer, stream.record, reason);
  }
}

function reject(transport: Transport, problem: RequestProblem | undefined): void {
  if (problem === undefined) return;
  const isInvalid = problem === "no type URL";
  transport.fail(isInvalid ? status.INVALID_ARGUMENT : status.RESOURCE_EXHAUSTED, problem);
}
