/** `tulle.telemetry.v1.WantedTraces` over gRPC: proxies of the mesh ask which traces turned out to matter. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { status as grpcStatus, type Server, type sendUnaryData } from "@grpc/grpc-js";
import {
  WantedTraces,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../../gen/tulle/telemetry/v1/wanted_traces_pb.js";
import type { MeshPeer, PeerCall } from "../../../identity/grpc-listener.ts";
import { type BytesCall, bytesMethod } from "../bytes-method.ts";
import type { TailDecisions } from "./tail-decisions.ts";

export interface WantedTracesServiceDeps {
  readonly tail: Pick<TailDecisions, "watch">;
  readonly trustDomain: string;
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
}

const WATCH = bytesMethod(`/${WantedTraces.typeName}/Watch`);

export function addWantedTracesService(server: Server, deps: WantedTracesServiceDeps): void {
  server.addService(
    { Watch: WATCH },
    {
      Watch: (call: BytesCall, callback: sendUnaryData<Uint8Array>) => watch(call, callback, deps),
    },
  );
}

function watch(
  call: BytesCall,
  callback: sendUnaryData<Uint8Array>,
  { tail, trustDomain, peerOf }: WantedTracesServiceDeps,
): void {
  const peer = peerOf(call);
  if (peer === undefined || peer.trustDomain !== trustDomain) {
    const details = "only proxies of the mesh are told which traces are wanted";
    callback({ code: grpcStatus.PERMISSION_DENIED, details });
    return;
  }
  const question = questionIn(call.request);
  if (question === undefined) {
    callback({ code: grpcStatus.INVALID_ARGUMENT, details: "the request cannot be read" });
    return;
  }
  const takeBack = tail.watch(question.after, question.run, ({ traceIds, next, run }) => {
    const answer = create(WatchResponseSchema, {
      traceIds: traceIds.map((id) => Buffer.from(id, "hex")),
      ...{ next: BigInt(next), run },
    });
    callback(null, toBinary(WatchResponseSchema, answer));
  });
  call.on("cancelled", takeBack);
}

function questionIn(
  bytes: Uint8Array,
): { readonly after: number; readonly run: string } | undefined {
  try {
    const { after, run } = fromBinary(WatchRequestSchema, bytes);
    return { after: Number(after), run };
  } catch {
    return undefined;
  }
}
