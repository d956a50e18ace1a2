/** `tulle.telemetry.v1.Taps` over gRPC: proxies of the mesh ask which of their requests somebody wants to watch. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { status as grpcStatus, type Server, type sendUnaryData } from "@grpc/grpc-js";
import {
  TapSchema,
  Taps as TapsService,
  type WatchTapsRequest,
  WatchTapsRequestSchema,
  WatchTapsResponseSchema,
} from "../../../gen/tulle/telemetry/v1/taps_pb.js";
import type { MeshPeer, PeerCall } from "../../../identity/grpc-listener.ts";
import { workloadIdentityFromSpiffeId } from "../../../identity/spiffe-id.ts";
import { tapAccessLog } from "../../../translate/telemetry/tap-access-log.ts";
import type { ProxyDirectory } from "../../proxy-directory.ts";
import { type BytesCall, bytesMethod } from "../bytes-method.ts";
import type { TappedProxy, Taps } from "./taps.ts";

export interface TapsServiceDeps {
  readonly taps: Pick<Taps, "watch">;
  readonly proxies: Pick<ProxyDirectory, "find">;
  readonly trustDomain: string;
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
}

const WATCH = bytesMethod(`/${TapsService.typeName}/Watch`);

export function addTapsService(server: Server, deps: TapsServiceDeps): void {
  server.addService(
    { Watch: WATCH },
    {
      Watch: (call: BytesCall, callback: sendUnaryData<Uint8Array>) => watch(call, callback, deps),
    },
  );
}

function watch(call: BytesCall, callback: sendUnaryData<Uint8Array>, deps: TapsServiceDeps): void {
  const question = questionIn(call.request);
  if (question === undefined) {
    callback({ code: grpcStatus.INVALID_ARGUMENT, details: "the request cannot be read" });
    return;
  }
  const proxy = proxyOf(deps.peerOf(call), question.instance, deps);
  if (proxy === undefined) {
    const details = "only a proxy of the mesh is told which of its requests are wanted";
    callback({ code: grpcStatus.PERMISSION_DENIED, details });
    return;
  }
  const known = { version: Number(question.version), run: question.run };
  const takeBack = deps.taps.watch(proxy, known, ({ version, run, taps }) => {
    const answer = create(WatchTapsResponseSchema, {
      ...{ version: BigInt(version), run },
      taps: taps.map((tap) =>
        create(TapSchema, {
          id: tap.id,
          outbound: tapAccessLog(tap, "CLIENT"),
          inbound: tapAccessLog(tap, "SERVER"),
        }),
      ),
    });
    callback(null, toBinary(WatchTapsResponseSchema, answer));
  });
  call.on("cancelled", takeBack);
}

/** The proxy that has proven to be the one of that name. Until its stream is there, only its account is known. */
function proxyOf(
  peer: MeshPeer | undefined,
  instance: string,
  { proxies, trustDomain }: TapsServiceDeps,
): TappedProxy | undefined {
  if (peer === undefined || peer.trustDomain !== trustDomain) return undefined;
  const identity = workloadIdentityFromSpiffeId(peer.spiffeId);
  if (identity === undefined) return undefined;
  const { namespace, serviceAccount } = identity;
  const node = proxies.find(`${namespace}/${instance}`)?.node;
  if (node === undefined) return { namespace, service: serviceAccount };
  if (node.spiffeId !== peer.spiffeId) return undefined;
  return { namespace, service: node.service };
}

function questionIn(bytes: Uint8Array): WatchTapsRequest | undefined {
  try {
    return fromBinary(WatchTapsRequestSchema, bytes);
  } catch {
    return undefined;
  }
}
