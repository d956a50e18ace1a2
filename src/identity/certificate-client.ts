/** The client side of `tulle.ca.v1.CertificateService`: one channel per request, closed after it. */
import { create } from "@bufbuild/protobuf";
import { Client, status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import {
  SignCertificateRequestSchema,
  type SignCertificateResponse,
} from "../gen/tulle/ca/v1/certificate_service_pb.js";
import { SIGN_CERTIFICATE_METHOD } from "./certificate-method.ts";
import type { CertificateUse } from "./certificate-use.ts";
import { identityError } from "./errors.ts";
import { type ChannelIdentity, createMeshChannelCredentials } from "./grpc-credentials.ts";

const TIMEOUT_MS_DEFAULT = 10_000;

export interface CertificateClientOptions {
  /** `host:port`. */
  readonly address: string;
  /** The id that the control plane must prove. */
  readonly serverSpiffeId: string;
  readonly clock: Clock;
  /** The node id of the caller, for the control plane's records. */
  readonly instance?: string;
  /** For whom it is, where not for the sidecar itself. */
  readonly use?: CertificateUse;
  readonly timeoutMs?: number;
}

export interface SignCertificateInput {
  readonly csrDer: Buffer;
  /** What to trust, and for a renewal the certificate to show. */
  readonly identity: ChannelIdentity;
  /** For the first certificate. Sent only after the server has proven who it is. */
  readonly joinToken?: string;
}

export class CertificateClient {
  readonly #options: CertificateClientOptions;

  constructor(options: CertificateClientOptions) {
    this.#options = options;
  }

  /** Asks for one certificate. Throws `certificate-request-failed`. */
  async sign(input: SignCertificateInput): Promise<SignCertificateResponse> {
    const { address, serverSpiffeId, clock, timeoutMs = TIMEOUT_MS_DEFAULT } = this.#options;
    const { instance = "", use = "" } = this.#options;
    const client = new Client(
      address,
      createMeshChannelCredentials({
        getIdentity: () => input.identity,
        expectedServerIds: [serverSpiffeId],
        clock,
      }),
      // Its own connection: another channel may hold one with another certificate.
      { "grpc.use_local_subchannel_pool": 1 },
    );
    const metadata = new Metadata();
    if (input.joinToken !== undefined) metadata.set("authorization", `Bearer ${input.joinToken}`);
    try {
      return await new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = SIGN_CERTIFICATE_METHOD;
        const request = create(SignCertificateRequestSchema, { csr: input.csrDer, instance, use });
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          (error, response) => {
            timeout.cancel();
            if (error !== null) reject(requestFailed(address, error));
            else if (response === undefined) reject(new Error("empty answer"));
            else resolve(response);
          },
        );
        const timeout = clock.schedule(timeoutMs, () => call.cancel());
      });
    } finally {
      client.close();
    }
  }
}

/** `isRefused` tells "it said no" from "it could not be asked". */
function requestFailed(address: string, error: ServiceError): Error {
  const isRefused =
    error.code === grpcStatus.UNAUTHENTICATED || error.code === grpcStatus.PERMISSION_DENIED;
  const what =
    error.code === grpcStatus.CANCELLED
      ? "it did not answer in time"
      : `${grpcStatus[error.code] ?? error.code}: ${error.details}`;
  return identityError(
    { code: "certificate-request-failed", isRefused },
    `no certificate from the control plane at ${address}: ${what}`,
    error,
  );
}
