/** The Workload API as any client of gRPC sees it: generated messages, plain channels, no code of the product. */
import { type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type {
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../src/gen/envoy/service/discovery/v3/discovery_pb.js";
import { SecretDiscoveryService } from "../../src/gen/envoy/service/secret/v3/sds_pb.js";
import { SpiffeWorkloadAPI } from "../../src/gen/spiffe/workload/workload_pb.js";

const METHODS = SpiffeWorkloadAPI.method;

type MethodName = keyof typeof METHODS;
type Answer<N extends MethodName> = MessageShape<(typeof METHODS)[N]["output"]>;
type Question<N extends MethodName> = MessageShape<(typeof METHODS)[N]["input"]>;

export class WorkloadApiClient {
  readonly #client: Client;

  /** `endpoint`: what SPIFFE_ENDPOINT_SOCKET says. */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 20,
      "grpc.max_reconnect_backoff_ms": 100,
    });
  }

  close(): void {
    this.#client.close();
  }

  ask<N extends MethodName>(
    name: N,
    question: Question<N>,
    metadata = securityHeader(),
  ): Promise<Answer<N>> {
    const method = METHODS[name];
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        pathOf(method),
        serializer(method),
        deserializer(method),
        question,
        metadata,
        (error, answer) => (error === null ? resolve(answer as Answer<N>) : reject(error)),
      );
    });
  }

  follow<N extends MethodName>(
    name: N,
    question: Question<N>,
    metadata = securityHeader(),
  ): Followed<Answer<N>> {
    const method = METHODS[name];
    return new Followed<Answer<N>>(
      this.#client.makeServerStreamRequest(
        pathOf(method),
        serializer(method),
        deserializer(method),
        question,
        metadata,
      ) as ClientReadableStream<Answer<N>>,
    );
  }

  secrets(): ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> {
    const method = SecretDiscoveryService.method.streamSecrets;
    return this.#client.makeBidiStreamRequest(
      pathOf(method),
      serializer(method),
      deserializer(method),
      new Metadata(),
    ) as unknown as ClientDuplexStream<DiscoveryRequest, DiscoveryResponse>;
  }
}

/** A stream of answers, one after the other. */
export class Followed<T> {
  readonly stream: ClientReadableStream<T>;
  readonly #answers: T[] = [];
  #waiter: (() => void) | undefined;
  #error: ServiceError | undefined;

  constructor(stream: ClientReadableStream<T>) {
    this.stream = stream;
    stream.on("data", (answer: T) => {
      this.#answers.push(answer);
      this.#waiter?.();
    });
    stream.on("error", (error: ServiceError) => {
      this.#error = error;
      this.#waiter?.();
    });
  }

  /** The next answer that `isWanted`; rejects with the error that ends the stream. */
  async next(isWanted: (answer: T) => boolean = () => true): Promise<T> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) {
        if (isWanted(answer)) return answer;
        continue;
      }
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#waiter = resolve;
      });
    }
  }

  cancel(): void {
    this.stream.cancel();
  }
}

export function securityHeader(value = "true"): Metadata {
  const metadata = new Metadata();
  metadata.set("workload.spiffe.io", value);
  return metadata;
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function serializer({ input }: DescMethod) {
  return (message: MessageShape<typeof input>): Buffer => Buffer.from(toBinary(input, message));
}

function deserializer({ output }: DescMethod) {
  return (bytes: Buffer): MessageShape<typeof output> => fromBinary(output, bytes);
}
