/**
 * The server side of one bidirectional gRPC stream of bytes: admits the peer on its first message, turns
 * the many ways in which a stream ends into one event, and never lets an error of ours end the process.
 */
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { messageOf } from "../core/errors.ts";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import type { ConnectDecision, StreamPeer } from "./stream-peer.ts";

/** Why a stream closed that the client ended on purpose, as one that goes away does. */
export const CLIENT_ENDED_STREAM = "the client ended the stream";

export interface ServerStreamOptions<Request> {
  readonly id: string;
  readonly call: ServerDuplexStream<Uint8Array, Uint8Array>;
  /** What it throws ends the stream with INVALID_ARGUMENT. */
  readonly decode: (bytes: Uint8Array) => Request;
  /** What it throws ends the stream with INTERNAL. */
  readonly onRequest: (request: Request) => void;
  readonly onDrain: () => void;
  /** Exactly once. */
  readonly onClose: (reason: string) => void;
}

export class ServerStream<Request> {
  readonly #options: ServerStreamOptions<Request>;
  #peer: StreamPeer | undefined;
  #isClosed = false;

  constructor(options: ServerStreamOptions<Request>) {
    this.#options = options;
    const { call } = options;
    call.on("data", (bytes: Uint8Array) => this.#onData(bytes));
    call.on("drain", () => this.#options.onDrain());
    call.on("end", () => {
      this.#close(CLIENT_ENDED_STREAM);
      call.end();
    });
    call.on("cancelled", () => this.#close("the stream was cancelled"));
    call.on("error", (error: Error) => this.#close(error.message));
  }

  /** Undefined before the first message was admitted. */
  get peer(): StreamPeer | undefined {
    return this.#peer;
  }

  /** False: the transport is full until `onDrain`. */
  write(bytes: Uint8Array): boolean {
    return this.#isClosed ? true : this.#options.call.write(bytes);
  }

  /** Ends the stream with a status. */
  fail(code: status, details: string): void {
    if (this.#isClosed) return;
    // In gRPC for Node an `error` event with a code is how a handler ends a stream with a status.
    this.#options.call.emit("error", Object.assign(new Error(details), { code, details }));
  }

  /**
   * Whether the message may be handled. On the first one `decide` is asked; only that one is sure to
   * carry a node (xDS protocol: "only the first message on a stream is guaranteed to carry the node").
   */
  admit(node: Node | undefined, decide: (peer: StreamPeer) => ConnectDecision): boolean {
    if (this.#isClosed) return false;
    if (this.#peer !== undefined) return true;
    if (node === undefined || node.id === "") {
      this.fail(status.INVALID_ARGUMENT, "the first request of a stream must carry node.id");
      return false;
    }
    const { id, call } = this.#options;
    this.#peer = { id, node, peer: call.getPeer(), call };
    const decision = decide(this.#peer);
    if (decision.accepted) return !this.#isClosed;
    this.fail(decision.code, decision.details);
    return false;
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    let request: Request;
    try {
      request = this.#options.decode(bytes);
    } catch (error) {
      this.fail(status.INVALID_ARGUMENT, `not a valid request: ${messageOf(error)}`);
      return;
    }
    try {
      this.#options.onRequest(request);
    } catch (error) {
      this.fail(status.INTERNAL, messageOf(error));
    }
  }

  #close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClose(reason);
  }
}
