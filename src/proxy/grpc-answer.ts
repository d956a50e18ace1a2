/**
 * Answers of this proxy's own to gRPC clients, which read no HTTP status: 200 and a status of gRPC in a head
 * without a body ("Trailers-Only" in the protocol's specification), as Envoy gives them.
 */
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { HEADER } from "../http/header-name.ts";
import type { RequestHead } from "../http/request-head.ts";
import { grpcStatusOfHttp } from "../telemetry/grpc-status.ts";

const APPLICATION_GRPC = new HeaderField(new HeaderName("content-type"), "application/grpc");
const GRPC_STATUS_NAME = new HeaderName("grpc-status");
const GRPC_MESSAGE_NAME = new HeaderName("grpc-message");

const PLUS = 0x2b;

/** Whether a request is one of gRPC, and not of gRPC-Web, whose content type begins alike. */
export function isGrpcRequest(head: RequestHead | undefined): boolean {
  // The protocol knows no other method.
  if (head?.method !== "POST") return false;
  const at = head.headers.indexOf(HEADER["content-type"]);
  if (at < 0) return false;
  const type = head.headers.value(at);
  if (!type.startsWith("application/grpc")) return false;
  return type.length === 16 || type.charCodeAt(16) === PLUS;
}

/** Turns an answer with this status and body into one of gRPC. Returns its status of gRPC, which may be given. */
export function becomeGrpcAnswer(
  status: number,
  headers: HeaderBlock,
  body: string,
  grpcStatus = grpcStatusOfHttp(status),
): number {
  headers.set(APPLICATION_GRPC);
  headers.set(new HeaderField(GRPC_STATUS_NAME, String(grpcStatus)));
  const message = body.trimEnd();
  if (message !== "") headers.set(new HeaderField(GRPC_MESSAGE_NAME, percentEncoded(message)));
  return grpcStatus;
}

/** What ends an answer whose head has been sent. */
export function grpcTrailers(status: number, message: string): HeaderBlock {
  const trailers = new HeaderBlock();
  trailers.set(new HeaderField(GRPC_STATUS_NAME, String(status)));
  trailers.set(new HeaderField(GRPC_MESSAGE_NAME, percentEncoded(message)));
  return trailers;
}

/** The specification's Percent-Encoded: space to tilde without the percent sign stay. */
function percentEncoded(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
