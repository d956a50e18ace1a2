/**
 * The gRPC port authenticates before it parses (T30): a call without a workload's certificate ends by its metadata, and
 * not a byte of its messages is read. Only a first certificate is asked for without one, and then with a known join token.
 */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";
import { SIGN_CERTIFICATE_METHOD } from "../identity/certificate-method.ts";
import type { CertificateRefused } from "../identity/certificate-service.ts";
import { type PeerCall, peerOf } from "../identity/grpc-listener.ts";

export interface AuthenticatedCallsOptions {
  readonly trustDomain: string;
  /** Why the certificate of a client was refused, if it sent one. */
  readonly refusalOf: (call: PeerCall) => string | undefined;
  /** Whether a join token is one that waits to be used. Uses nothing up. */
  readonly isKnownToken: (token: string) => boolean;
  readonly onRefused: (refused: CertificateRefused) => void;
}

/** For the options of the server. */
export function authenticateFirst(options: AuthenticatedCallsOptions): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, goOn) => {
            const details = refusal(options, method.path, call, metadata);
            if (details === undefined) {
              goOn(metadata);
              return;
            }
            options.onRefused({ peer: call.getPeer(), status: "UNAUTHENTICATED", reason: details });
            call.sendStatus({ code: status.UNAUTHENTICATED, details });
          },
        }),
    });
}

function refusal(
  { trustDomain, refusalOf, isKnownToken }: AuthenticatedCallsOptions,
  path: string,
  call: ServerInterceptingCallInterface,
  metadata: Metadata,
): string | undefined {
  const isFirstCertificate = path === SIGN_CERTIFICATE_METHOD.path;
  const [authorization] = metadata.get("authorization");
  if (isFirstCertificate && authorization !== undefined) {
    const token = /^bearer ([\w.~+/=-]+)$/i.exec(String(authorization))?.[1];
    if (token === undefined) return "the authorization metadata is not one bearer token";
    return isKnownToken(token) ? undefined : "the join token is unknown or was used already";
  }
  if (peerOf(call) !== undefined) return undefined;
  const reason = refusalOf(call);
  if (isFirstCertificate) {
    return reason ?? "neither a join token nor a client certificate was sent";
  }
  return `a workload certificate of ${trustDomain} is needed: ${reason ?? "no client certificate was sent"}`;
}
