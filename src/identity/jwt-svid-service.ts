/**
 * The server side of `tulle.ca.v1.JwtSvidService`: tokens for workloads that show their certificate. Its identity is that
 * of the token; of the request counts the audience alone.
 */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  status as grpcStatus,
  type Server,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import {
  type SignJwtSvidRequest,
  type SignJwtSvidResponse,
  SignJwtSvidResponseSchema,
} from "../gen/tulle/ca/v1/jwt_svid_service_pb.js";
import type { CertificateHolder } from "./certificate-service.ts";
import type { MeshPeer, PeerCall } from "./grpc-listener.ts";
import type { JwtAuthority } from "./jwt-authority.ts";
import { SIGN_JWT_SVID_METHOD } from "./jwt-svid-method.ts";
import { AUDIENCE_CHARACTERS_MAX, AUDIENCES_MAX, RATE_LIMIT_KEYS_MAX } from "./limits.ts";
import { type SpiffeId, workloadIdentityFromSpiffeId } from "./spiffe-id.ts";
import { KeyedTokenBuckets } from "./token-bucket.ts";

/** For one identity, all its replicas together: sidecars keep tokens for half of their life. */
const IDENTITY_LIMIT = { burst: 200, perSecond: 50 };

export interface JwtSvidServiceDeps {
  readonly authority: Pick<JwtAuthority, "sign">;
  readonly trustDomain: string;
  /** The client that a certificate proved, if one did. */
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
  /** Why the certificate of a client was refused, if it sent one. */
  readonly refusalOf: (call: PeerCall) => string | undefined;
  /** Why this identity, or this instance of it, gets no token; undefined when it does. */
  readonly denialOf: (holder: CertificateHolder) => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

type SignCall = ServerUnaryCall<SignJwtSvidRequest, SignJwtSvidResponse>;

interface Refusal {
  readonly code: grpcStatus;
  readonly details: string;
}

/** Adds the service to a server. */
export function addJwtSvidService(server: Server, deps: JwtSvidServiceDeps): void {
  const { authority, clock } = deps;
  const logger = deps.logger.child("jwt-svid-service");
  const limit = new KeyedTokenBuckets({ ...IDENTITY_LIMIT, clock, keysMax: RATE_LIMIT_KEYS_MAX });
  const sign = (call: SignCall, callback: sendUnaryData<SignJwtSvidResponse>): void => {
    const caller = callerOf(call, deps);
    const refusal =
      "code" in caller ? caller : (requestRefusal(call.request) ?? limitRefusal(limit, caller.id));
    if (refusal !== undefined || "code" in caller) {
      logger.warn("token refused", { peer: call.getPeer(), reason: refusal?.details ?? "" });
      callback(refusal ?? null);
      return;
    }
    try {
      const { audience } = call.request;
      const { token, expiresAtMs } = authority.sign({ spiffeId: caller.id, audience });
      const expiresAt = timestampFromMs(expiresAtMs);
      callback(null, create(SignJwtSvidResponseSchema, { token, spiffeId: caller.id, expiresAt }));
    } catch (error) {
      logger.error("a token cannot be signed", { reason: messageOf(error) });
      callback({ code: grpcStatus.UNAVAILABLE, details: "the token cannot be signed now" });
    }
  };
  server.addService({ SignJwtSvid: SIGN_JWT_SVID_METHOD }, { SignJwtSvid: sign });
}

function callerOf(call: SignCall, deps: JwtSvidServiceDeps): { readonly id: SpiffeId } | Refusal {
  const peer = deps.peerOf(call);
  if (peer === undefined) {
    const details = deps.refusalOf(call) ?? "no client certificate was sent";
    return { code: grpcStatus.UNAUTHENTICATED, details };
  }
  const { spiffeId } = peer;
  const isOurs = workloadIdentityFromSpiffeId(spiffeId)?.trustDomain === deps.trustDomain;
  const denial = isOurs
    ? deps.denialOf({ spiffeId, instance: call.request.instance })
    : `${spiffeId} is no workload of trust domain ${deps.trustDomain}`;
  if (denial !== undefined) return { code: grpcStatus.PERMISSION_DENIED, details: denial };
  return { id: spiffeId };
}

function requestRefusal({ audience }: SignJwtSvidRequest): Refusal | undefined {
  const isGood =
    audience.length >= 1 &&
    audience.length <= AUDIENCES_MAX &&
    audience.every((one) => one !== "" && one.length <= AUDIENCE_CHARACTERS_MAX);
  if (isGood) return undefined;
  const details = `audience must be 1 to ${AUDIENCES_MAX} texts of 1 to ${AUDIENCE_CHARACTERS_MAX} characters`;
  return { code: grpcStatus.INVALID_ARGUMENT, details };
}

function limitRefusal(limit: KeyedTokenBuckets, id: SpiffeId): Refusal | undefined {
  if (limit.tryTake(id)) return undefined;
  const details = `too many tokens are being asked for by ${id}`;
  return { code: grpcStatus.RESOURCE_EXHAUSTED, details };
}
