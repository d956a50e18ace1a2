/** The client side of `tulle.ca.v1.JwtSvidService`: one channel per request, closed after it. */
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Client, status as grpcStatus, type ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { SignJwtSvidRequestSchema } from "../gen/tulle/ca/v1/jwt_svid_service_pb.js";
import { identityError } from "./errors.ts";
import { type ChannelIdentity, createMeshChannelCredentials } from "./grpc-credentials.ts";
import type { SignedJwtSvid } from "./jwt-authority.ts";
import { SIGN_JWT_SVID_METHOD } from "./jwt-svid-method.ts";

const TIMEOUT_MS = 10_000;

export interface JwtSvidClientOptions {
  /** `host:port`. */
  readonly address: string;
  /** The id that the control plane must prove. */
  readonly serverSpiffeId: string;
  /** The node id of the caller. */
  readonly instance: string;
  /** What is shown to the control plane: the token is for that identity. */
  readonly getIdentity: () => ChannelIdentity;
  readonly clock: Clock;
}

export class JwtSvidClient {
  readonly #options: JwtSvidClientOptions;

  constructor(options: JwtSvidClientOptions) {
    this.#options = options;
  }

  /** Asks for one token. Throws `certificate-request-failed`. */
  async sign(audience: readonly string[]): Promise<SignedJwtSvid> {
    const { address, serverSpiffeId, instance, getIdentity, clock } = this.#options;
    const client = new Client(
      address,
      createMeshChannelCredentials({ getIdentity, expectedServerIds: [serverSpiffeId], clock }),
      // Its own connection: another channel may hold one with another certificate.
      { "grpc.use_local_subchannel_pool": 1 },
    );
    const { path, requestSerialize, responseDeserialize } = SIGN_JWT_SVID_METHOD;
    const request = create(SignJwtSvidRequestSchema, { audience: [...audience], instance });
    try {
      return await new Promise((resolve, reject) => {
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          (error, response) => {
            timeout.cancel();
            if (error !== null) reject(requestFailed(address, error));
            else if (response?.expiresAt === undefined) reject(new Error("empty answer"));
            else {
              resolve({ token: response.token, expiresAtMs: timestampMs(response.expiresAt) });
            }
          },
        );
        const timeout = clock.schedule(TIMEOUT_MS, () => call.cancel());
      });
    } finally {
      client.close();
    }
  }
}

function requestFailed(address: string, error: ServiceError): Error {
  const isRefused =
    error.code === grpcStatus.UNAUTHENTICATED || error.code === grpcStatus.PERMISSION_DENIED;
  const what = `${grpcStatus[error.code] ?? error.code}: ${error.details}`;
  return identityError(
    { code: "certificate-request-failed", isRefused },
    `no token from the control plane at ${address}: ${what}`,
    error,
  );
}
