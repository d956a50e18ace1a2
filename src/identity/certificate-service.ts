/**
 * The server side of `tulle.ca.v1.CertificateService`. A caller shows a join token or the certificate
 * that it still holds; that alone decides the identity that is signed. Every decision leaves one line
 * in the log.
 */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  status as grpcStatus,
  type Metadata,
  type Server,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { hasCode, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import {
  type SignCertificateRequest,
  type SignCertificateResponse,
  SignCertificateResponseSchema,
} from "../gen/tulle/ca/v1/certificate_service_pb.js";
import type { Certificate } from "./certificate.ts";
import type { IssuedCertificate, IssueRequest } from "./certificate-authority.ts";
import { SIGN_CERTIFICATE_METHOD } from "./certificate-method.ts";
import { type CertificateUse, certificateUse } from "./certificate-use.ts";
import { publicKeyFromCsr } from "./csr.ts";
import type { MeshPeer, PeerCall } from "./grpc-listener.ts";
import type { MeshAuthority } from "./issuers/mesh-authority.ts";
import { RATE_LIMIT_KEYS_MAX } from "./limits.ts";
import {
  type SpiffeId,
  type WorkloadIdentity,
  workloadIdentityFromSpiffeId,
  workloadSpiffeId,
} from "./spiffe-id.ts";
import { KeyedTokenBuckets, TokenBucket } from "./token-bucket.ts";
import type { TrustBundle } from "./trust-bundle.ts";

/** Signatures per second for everybody together: a thousand sidecars start within 20 s. */
const GLOBAL_LIMIT = { burst: 100, perSecond: 50 };

/** As the name of a Workload: RFC 1123 labels, joined by dots. Empty: not told. */
const INSTANCE = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$/;
const INSTANCE_CHARACTERS_MAX = 253;

/** For one identity, all its replicas together. */
const IDENTITY_LIMIT = { burst: 50, perSecond: 5 };

export interface CertificateServiceDeps {
  readonly authority: Pick<MeshAuthority, "issue" | "trustDomain" | "external">;
  /** Every root of the trust domain, at this moment. */
  readonly getTrustBundle: () => TrustBundle;
  /** How long a certificate lives, in milliseconds, at this moment. */
  readonly getLifetimeMs: () => number;
  /**
   * Uses a join token up, or judges another proof. Throws `join-token-refused`, or `attestation-unavailable` when nobody
   * can judge it now.
   */
  readonly redeemToken: (token: string) => WorkloadIdentity | Promise<WorkloadIdentity>;
  /** The client that a certificate proved, if one did. */
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
  /** Why the certificate of a client was refused, if it sent one. */
  readonly refusalOf: (call: PeerCall) => string | undefined;
  /** Why this identity, or this instance of it, gets no certificate; undefined when it does. */
  readonly denialOf?: (holder: CertificateHolder) => string | undefined;
  /** A certificate was issued. */
  readonly onIssued?: (issued: IssuedRecord) => void;
  /** None was. */
  readonly onRefused?: (refused: CertificateRefused) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CertificateRefused {
  /** `host:port`. */
  readonly peer: string;
  /** The name of a gRPC status. */
  readonly status: string;
  readonly reason: string;
}

export interface CertificateHolder {
  readonly spiffeId: SpiffeId;
  /** The node id that the caller gave; "" when it gave none. Not proven. */
  readonly instance: string;
}

export interface IssuedRecord extends CertificateHolder {
  readonly use: CertificateUse;
  readonly serialHex: string;
  readonly chainDer: readonly Buffer[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Undefined: the one of the authority at this moment. */
  readonly root?: Certificate | undefined;
  /** By what the caller proved who it is. */
  readonly method: "token" | "certificate";
}

type SignCall = ServerUnaryCall<SignCertificateRequest, SignCertificateResponse>;

/** Adds the service to a server. */
export function addCertificateService(server: Server, deps: CertificateServiceDeps): void {
  const service = new CertificateService(deps);
  server.addService(
    { SignCertificate: SIGN_CERTIFICATE_METHOD },
    {
      SignCertificate: (call: SignCall, callback: sendUnaryData<SignCertificateResponse>) => {
        void service.handle(call, callback);
      },
    },
  );
}

/** An answer other than a certificate. */
class Refusal extends Error {
  readonly status: grpcStatus;

  constructor(status: grpcStatus, message: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

interface Caller {
  readonly spiffeId: SpiffeId;
  readonly method: "token" | "certificate";
}

class CertificateService {
  readonly #deps: CertificateServiceDeps;
  readonly #logger: Logger;
  readonly #globalLimit: TokenBucket;
  readonly #identityLimit: KeyedTokenBuckets;

  constructor(deps: CertificateServiceDeps) {
    this.#deps = deps;
    this.#logger = deps.logger.child("certificate-service");
    const { clock } = deps;
    this.#globalLimit = new TokenBucket({ ...GLOBAL_LIMIT, clock });
    this.#identityLimit = new KeyedTokenBuckets({
      ...IDENTITY_LIMIT,
      clock,
      keysMax: RATE_LIMIT_KEYS_MAX,
    });
  }

  /** Never rejects. */
  async handle(call: SignCall, callback: sendUnaryData<SignCertificateResponse>): Promise<void> {
    try {
      callback(null, await this.#sign(call));
    } catch (error) {
      const isRefusal = error instanceof Refusal;
      const code = isRefusal ? error.status : grpcStatus.INTERNAL;
      this.#logger.warn("certificate refused", {
        peer: call.getPeer(),
        status: grpcStatus[code],
        reason: messageOf(error),
      });
      const [peer, reason] = [call.getPeer(), messageOf(error)];
      this.#deps.onRefused?.({ peer, status: grpcStatus[code] ?? "UNKNOWN", reason });
      callback({ code, details: isRefusal ? error.message : "the certificate cannot be signed" });
    }
  }

  async #sign(call: SignCall): Promise<SignCertificateResponse> {
    if (!this.#globalLimit.tryTake()) throw tooMany("too many certificates are being asked for");
    const csrDer = Buffer.from(call.request.csr);
    // Before the token is used up, so that a broken request does not cost one.
    const publicKey = refuseWith(grpcStatus.INVALID_ARGUMENT, "csr-refused", () =>
      publicKeyFromCsr(csrDer),
    );
    const { instance } = call.request;
    if (instance.length > INSTANCE_CHARACTERS_MAX || !INSTANCE.test(instance)) {
      throw new Refusal(grpcStatus.INVALID_ARGUMENT, "instance must be DNS labels joined by dots");
    }
    const use = certificateUse(call.request.use);
    if (use === undefined) {
      throw new Refusal(grpcStatus.INVALID_ARGUMENT, "use must be empty or workload-api");
    }
    // Before the token is used up, too.
    const outage = this.#deps.authority.external?.outage;
    if (outage !== undefined) throw new Refusal(grpcStatus.UNAVAILABLE, outage);
    const caller = await this.#authenticate(call);
    const denial = this.#deps.denialOf?.({ spiffeId: caller.spiffeId, instance });
    if (denial !== undefined) throw new Refusal(grpcStatus.PERMISSION_DENIED, denial);
    if (!this.#identityLimit.tryTake(caller.spiffeId)) {
      throw tooMany(`too many certificates are being asked for by ${caller.spiffeId}`);
    }
    const issued = await this.#issue({
      publicKey,
      csrDer,
      spiffeId: caller.spiffeId,
      lifetimeMs: this.#deps.getLifetimeMs(),
    });
    this.#logger.info("certificate issued", {
      peer: call.getPeer(),
      spiffeId: caller.spiffeId,
      ...(instance === "" ? {} : { instance }),
      ...(use === "" ? {} : { use }),
      method: caller.method,
      serial: issued.serialHex,
      notAfter: new Date(issued.notAfterMs).toISOString(),
    });
    this.#deps.onIssued?.({ ...caller, instance, use, ...issued });
    return create(SignCertificateResponseSchema, {
      certificateChain: [...issued.chainDer],
      trustBundle: this.#deps.getTrustBundle().roots.map((root) => root.der),
      spiffeId: caller.spiffeId,
      notAfter: timestampFromMs(issued.notAfterMs),
    });
  }

  async #issue(request: IssueRequest): Promise<IssuedCertificate> {
    try {
      return await this.#deps.authority.issue(request);
    } catch (error) {
      const isKnown = hasCode(error, "ca-not-valid") || hasCode(error, "issuer-failed");
      throw isKnown ? new Refusal(grpcStatus.UNAVAILABLE, error.message, error) : error;
    }
  }

  /** A token counts before a certificate: who joins anew may still hold an old identity. */
  async #authenticate(call: SignCall): Promise<Caller> {
    const token = bearerToken(call.metadata);
    const { authority, redeemToken, peerOf, refusalOf } = this.#deps;
    if (token !== undefined) {
      const identity = await redeemed(() => redeemToken(token));
      return { spiffeId: workloadSpiffeId(identity), method: "token" };
    }
    const peer = peerOf(call);
    if (peer === undefined) {
      const reason = refusalOf(call) ?? "neither a join token nor a client certificate was sent";
      throw new Refusal(grpcStatus.UNAUTHENTICATED, reason);
    }
    const identity = workloadIdentityFromSpiffeId(peer.spiffeId);
    if (identity === undefined || identity.trustDomain !== authority.trustDomain) {
      throw new Refusal(
        grpcStatus.PERMISSION_DENIED,
        `${peer.spiffeId} is no workload of trust domain ${authority.trustDomain}`,
      );
    }
    return { spiffeId: peer.spiffeId, method: "certificate" };
  }
}

/** A token that is no good is told from one that cannot be judged now. */
async function redeemed(
  act: () => WorkloadIdentity | Promise<WorkloadIdentity>,
): Promise<WorkloadIdentity> {
  try {
    return await act();
  } catch (error) {
    if (hasCode(error, "join-token-refused")) {
      throw new Refusal(grpcStatus.UNAUTHENTICATED, error.message, error);
    }
    if (hasCode(error, "attestation-unavailable")) {
      throw new Refusal(grpcStatus.UNAVAILABLE, error.message, error);
    }
    throw error;
  }
}

/** RFC 6750 section 2.1. The scheme may be in any case. */
function bearerToken(metadata: Metadata): string | undefined {
  const values = metadata.get("authorization");
  if (values.length === 0) return undefined;
  const match = values.length === 1 ? /^bearer ([\w.~+/=-]+)$/i.exec(String(values[0])) : null;
  if (match?.[1] === undefined) {
    throw new Refusal(
      grpcStatus.UNAUTHENTICATED,
      "the authorization metadata is not one bearer token",
    );
  }
  return match[1];
}

/** Runs `act`, and turns the error with this code into an answer. */
function refuseWith<T>(status: grpcStatus, code: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw hasCode(error, code) ? new Refusal(status, error.message, error) : error;
  }
}

function tooMany(message: string): Refusal {
  return new Refusal(grpcStatus.RESOURCE_EXHAUSTED, message);
}
