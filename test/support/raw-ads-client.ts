/**
 * An xDS client that does nothing by itself: tests say each request and see each response. `settle` tells
 * without any waiting time what the server answered: it asks for something that is always answered, and
 * whatever came before that answer is all there is, because a stream keeps its order.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../src/gen/envoy/service/discovery/v3/discovery_pb.js";
import {
  asIs,
  DELTA_AGGREGATED_RESOURCES,
  STREAM_AGGREGATED_RESOURCES,
  toBuffer,
} from "../../src/xds/grpc-bytes.ts";
import { firstStringField } from "../../src/xds/wire.ts";

const FENCE_TYPE_URL = "type.googleapis.com/envoy.service.runtime.v3.Runtime";

export interface RawResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** In the order of the response. */
  readonly names: readonly string[];
  readonly removed: readonly string[];
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  /** Delta only. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface RawRequest {
  readonly typeUrl: string;
  /** SotW: all names. Delta: names to subscribe. */
  readonly names?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initial?: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly nonce?: string;
  readonly error?: string;
  /** Whether to send the node; the default is to do so on the first request. */
  readonly node?: boolean;
}

export class RawAdsClient {
  readonly #protocol: "sotw" | "delta";
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;
  readonly #responses: RawResponse[] = [];
  readonly #sotwNames = new Map<string, readonly string[]>();
  #arrived: (() => void) | undefined;
  #isFirst = true;
  #fences = 0;
  /** How the stream ended. */
  readonly status: Promise<StatusObject>;

  constructor(port: number, protocol: "sotw" | "delta") {
    this.#protocol = protocol;
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const path = protocol === "sotw" ? STREAM_AGGREGATED_RESOURCES : DELTA_AGGREGATED_RESOURCES;
    this.#call = this.#client.makeBidiStreamRequest(path, toBuffer, asIs);
    this.#call.on("error", () => undefined);
    this.#call.on("data", (bytes: Uint8Array) => {
      this.#responses.push(protocol === "sotw" ? readSotw(bytes) : readDelta(bytes));
      this.#arrived?.();
    });
    this.status = new Promise((resolve) => this.#call.once("status", resolve));
  }

  request(request: RawRequest): void {
    const withNode = request.node ?? this.#isFirst;
    this.#isFirst = false;
    const common = {
      typeUrl: request.typeUrl,
      responseNonce: request.nonce ?? "",
      ...(withNode && { node: { id: "raw" } }),
      ...(request.error !== undefined && { errorDetail: { code: 3, message: request.error } }),
    };
    if (this.#protocol === "sotw") {
      const names = request.names ?? this.#sotwNames.get(request.typeUrl) ?? [];
      this.#sotwNames.set(request.typeUrl, names);
      const message = create(DiscoveryRequestSchema, {
        ...common,
        resourceNames: [...names],
        versionInfo: request.version ?? "",
      });
      this.#call.write(toBinary(DiscoveryRequestSchema, message));
      return;
    }
    const message = create(DeltaDiscoveryRequestSchema, {
      ...common,
      resourceNamesSubscribe: [...(request.names ?? [])],
      resourceNamesUnsubscribe: [...(request.unsubscribe ?? [])],
      initialResourceVersions: { ...request.initial },
    });
    this.#call.write(toBinary(DeltaDiscoveryRequestSchema, message));
  }

  ack(response: RawResponse): void {
    const { typeUrl, nonce, version } = response;
    this.request({ typeUrl, nonce, version });
  }

  nack(response: RawResponse, error: string): void {
    const { typeUrl, nonce } = response;
    this.request({ typeUrl, nonce, error });
  }

  /** Everything that the server had to say to what was asked so far. */
  async settle(): Promise<readonly RawResponse[]> {
    this.#fences += 1;
    const names = Array.from({ length: this.#fences }, (_, index) => `fence-${index + 1}`);
    const isSotw = this.#protocol === "sotw";
    this.request({
      typeUrl: FENCE_TYPE_URL,
      names: isSotw ? names : names.slice(-1),
      nonce: isSotw ? this.#lastFenceNonce : "",
    });
    const before: RawResponse[] = [];
    for (;;) {
      const response = await this.next();
      if (response.typeUrl === FENCE_TYPE_URL) {
        this.#lastFenceNonce = response.nonce;
        this.ack(response);
        return before;
      }
      before.push(response);
    }
  }

  /** The one response that came. */
  async only(): Promise<RawResponse> {
    const responses = await this.settle();
    const first = responses[0];
    if (first === undefined || responses.length > 1) {
      const got = responses.map(({ typeUrl, names }) => `${typeUrl.split(".").at(-1)} ${names}`);
      throw new Error(`expected one response, got ${got.length}: ${got.join("; ")}`);
    }
    return first;
  }

  async next(): Promise<RawResponse> {
    for (;;) {
      const response = this.#responses.shift();
      if (response !== undefined) return response;
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await Promise.race([arrived, this.#failWithStatus()]);
    }
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }

  #lastFenceNonce = "";

  async #failWithStatus(): Promise<never> {
    const { code, details } = await this.status;
    throw new Error(`stream ended with status ${code}: ${details}`);
  }
}

function readSotw(bytes: Uint8Array): RawResponse {
  const response = fromBinary(DiscoveryResponseSchema, bytes);
  const entries = response.resources.map(
    ({ value }) => [firstStringField(value) ?? "", value] as const,
  );
  return {
    typeUrl: response.typeUrl,
    nonce: response.nonce,
    version: response.versionInfo,
    names: entries.map(([name]) => name),
    removed: [],
    bytes: new Map(entries),
    versions: {},
  };
}

function readDelta(bytes: Uint8Array): RawResponse {
  const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  return {
    typeUrl: response.typeUrl,
    nonce: response.nonce,
    version: response.systemVersionInfo,
    names: response.resources.map(({ name }) => name),
    removed: response.removedResources,
    bytes: new Map(
      response.resources.map(({ name, resource }) => [name, resource?.value ?? new Uint8Array()]),
    ),
    versions: Object.fromEntries(response.resources.map(({ name, version }) => [name, version])),
  };
}
