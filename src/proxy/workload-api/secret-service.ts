/**
 * SDS (envoy.service.secret.v3) for a co-located Envoy: state of the world, as SPIRE's agent serves it. Envoy sends no
 * metadata that it was not told to, so none is asked for: who can open the socket is its owner.
 */
import { create } from "@bufbuild/protobuf";
import {
  status as grpcStatus,
  type Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Logger } from "../../core/logger.ts";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.js";
import { SECRET_TYPE_URL } from "../../xds/type-urls.ts";
import type { PushStreams } from "./push-streams.ts";
import { secretsFor } from "./secret-answers.ts";
import {
  type CallCounts,
  type CallOutcome,
  type CallRefusal,
  ENDING,
  isRefusal,
  readyOr,
  TOO_MANY_STREAMS,
} from "./workload-calls.ts";
import { SDS_METHODS } from "./workload-methods.ts";
import type { WorkloadState } from "./workload-state.ts";

export interface SecretServiceDeps {
  readonly getState: () => WorkloadState;
  readonly streams: PushStreams;
  readonly counts: CallCounts;
  readonly log: Logger;
}

type SecretStream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>;
type SecretCall = ServerUnaryCall<DiscoveryRequest, DiscoveryResponse>;

/** Adds the service to a server. */
export function addSecretService(server: Server, deps: SecretServiceDeps): void {
  const { counts } = deps;
  server.addService(SDS_METHODS, {
    StreamSecrets: (call: SecretStream) => new SecretSubscription(call, deps).open(),
    FetchSecrets: (call: SecretCall, callback: sendUnaryData<DiscoveryResponse>) => {
      const outcome = answerFor(deps, call.request.resourceNames, 1);
      const refusal = "refusal" in outcome ? outcome.refusal : undefined;
      counts.add("FetchSecrets", refusal?.code ?? grpcStatus.OK);
      if ("refusal" in outcome) callback(outcome.refusal);
      else callback(null, outcome.answer);
    },
  });
}

/** One stream: what it asks for, and what it was sent last. */
class SecretSubscription {
  readonly #call: SecretStream;
  readonly #deps: SecretServiceDeps;
  #names: readonly string[] | undefined;
  #sent: string | undefined;
  #count = 0;
  #remove = (): void => {};

  constructor(call: SecretStream, deps: SecretServiceDeps) {
    this.#call = call;
    this.#deps = deps;
  }

  open(): void {
    if (this.#deps.streams.isFull) {
      this.#end(TOO_MANY_STREAMS);
      return;
    }
    this.#remove = this.#deps.streams.add({
      send: () => this.#send(),
      end: () => this.#end(ENDING),
    });
    this.#call.on("data", (request: DiscoveryRequest) => this.#onRequest(request));
    this.#call.on("end", () => {
      this.#remove();
      this.#call.end();
    });
    this.#call.on("cancelled", () => this.#end(undefined));
    this.#call.on("error", () => this.#remove());
  }

  #onRequest({ resourceNames, errorDetail }: DiscoveryRequest): void {
    if (errorDetail !== undefined) {
      this.#deps.log.warn("an Envoy refused its secrets", { reason: errorDetail.message });
    }
    // An acknowledgement repeats the names that were asked for.
    const isSame = this.#names !== undefined && resourceNames.join("\n") === this.#names.join("\n");
    if (isSame) return;
    this.#names = [...resourceNames];
    this.#sent = undefined;
    this.#send();
  }

  #send(): void {
    if (this.#names === undefined) return;
    const outcome = answerFor(this.#deps, this.#names, this.#count + 1);
    if ("refusal" in outcome) {
      this.#end(outcome.refusal);
      return;
    }
    const { answer } = outcome;
    const text = answer.resources.map(({ value }) => Buffer.from(value).toString("base64")).join();
    if (text === this.#sent) return;
    this.#sent = text;
    this.#count += 1;
    this.#call.write(answer);
  }

  #end(refusal: CallRefusal | undefined): void {
    this.#remove();
    this.#deps.counts.add("StreamSecrets", refusal?.code ?? grpcStatus.CANCELLED);
    if (refusal !== undefined) this.#call.emit("error", refusal);
  }
}

function answerFor(
  { getState }: SecretServiceDeps,
  names: readonly string[],
  version: number,
): CallOutcome<DiscoveryResponse> {
  const state = readyOr(getState());
  if (isRefusal(state)) return { refusal: state };
  const found = secretsFor(state, names);
  if (found.kind === "unknown") {
    const details = `there is no secret ${JSON.stringify(found.name)}: ask for default, ROOTCA or ALL`;
    return { refusal: { code: grpcStatus.INVALID_ARGUMENT, details } };
  }
  const versionInfo = String(version);
  return {
    answer: create(DiscoveryResponseSchema, {
      ...{ versionInfo, nonce: versionInfo, typeUrl: SECRET_TYPE_URL },
      resources: found.resources,
    }),
  };
}
