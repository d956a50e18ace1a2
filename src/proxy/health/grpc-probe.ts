/**
 * The call `grpc.health.v1.Health/Check`, and what its answer means. The two messages are small enough to be written
 * and read here: a request with a name, an answer with a number.
 */
import { applyMutations } from "../../decision/header-mutation.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { GRPC_TIMEOUT } from "../../http/known-headers.ts";
import { BODY_CHUNKED, RequestHead } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { grpcSnakeName, grpcStatusOfHttp, parseGrpcStatus } from "../../telemetry/grpc-status.ts";
import type { GrpcProbeSettings } from "../config/probe-config.ts";
import { PROBE_USER_AGENT } from "./http-probe.ts";
import { badAnswer } from "./probe.ts";
import type { ProbeServices } from "./probe-services.ts";
import type { ProbeRequest, ProbeVerdict } from "./request-probe.ts";

const METHOD = "/grpc.health.v1.Health/Check";
/** grpc.health.v1.HealthCheckResponse.ServingStatus. */
const SERVING = 1;
/** A message of the answer is a few bytes long. */
const MESSAGE_BYTES_MAX = 1024;
/** Compression flag and length. */
const PREFIX_BYTES = 5;

const CONTENT_TYPE = new HeaderField(new HeaderName("content-type"), "application/grpc");
const TE = new HeaderField(new HeaderName("te"), "trailers");

export class GrpcProbeRequest implements ProbeRequest {
  readonly codec = "http2";
  readonly head = new RequestHead();
  readonly target = METHOD;
  readonly authority: string;
  readonly body: Buffer;
  #status = 0;
  #isGrpc = false;
  /** -1 while none has come. */
  #grpcStatus = -1;
  #received = Buffer.alloc(0);

  constructor(settings: GrpcProbeSettings, { clusterName, isTls }: ProbeServices) {
    this.authority = settings.authority || clusterName;
    this.body = serializeRequest(settings.service);
    const { head } = this;
    head.method = "POST";
    head.target = METHOD;
    head.scheme = isTls ? "https" : "http";
    head.bodyKind = BODY_CHUNKED;
    head.acceptsTrailers = true;
    head.headers.add(CONTENT_TYPE);
    head.headers.add(TE);
    head.headers.add(PROBE_USER_AGENT);
    head.headers.add(new HeaderField(GRPC_TIMEOUT, `${Math.ceil(settings.timeoutMs)}m`));
    applyMutations(settings.mutations, head.headers, "HTTP/2");
  }

  onHead({ status, headers }: ResponseHead): void {
    this.#status = status;
    this.#isGrpc = (headers.get("content-type") ?? "").startsWith("application/grpc");
    this.#grpcStatus = grpcStatusIn(headers);
    this.#received = Buffer.alloc(0);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    if (this.#received.length + end - start > MESSAGE_BYTES_MAX) return;
    this.#received = Buffer.concat([this.#received, bytes.subarray(start, end)]);
  }

  judge(trailers: HeaderBlock | undefined): ProbeVerdict {
    if (trailers !== undefined) this.#grpcStatus = grpcStatusIn(trailers);
    if (this.#status !== 200) {
      const status = this.#grpcStatus < 0 ? grpcStatusOfHttp(this.#status) : this.#grpcStatus;
      return badAnswer(`${grpcSnakeName(status)} (HTTP status ${this.#status})`);
    }
    if (!this.#isGrpc) return badAnswer("the answer is not one of gRPC");
    if (this.#grpcStatus !== 0) {
      return badAnswer(this.#grpcStatus < 0 ? "no grpc-status" : grpcSnakeName(this.#grpcStatus));
    }
    const serving = servingStatusIn(this.#received);
    return serving === SERVING ? "passed" : badAnswer(servingText(serving));
  }
}

function grpcStatusIn(headers: HeaderBlock): number {
  const text = headers.get("grpc-status");
  return text === undefined ? -1 : parseGrpcStatus(text);
}

function servingText(status: number): string {
  switch (status) {
    case 0:
      return "UNKNOWN";
    case 2:
      return "NOT_SERVING";
    case 3:
      return "SERVICE_UNKNOWN";
    default:
      return "no readable answer";
  }
}

/** HealthCheckRequest in a frame: field 1 is the service's name, absent when empty. */
function serializeRequest(service: string): Buffer {
  const name = Buffer.from(service, "utf8");
  const field =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(field.length, 1);
  return Buffer.concat([prefix, field]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Field 1 of the one HealthCheckResponse in the body, or -1 when it is none. */
export function servingStatusIn(body: Buffer): number {
  if (body.length < PREFIX_BYTES || body[0] !== 0) return -1;
  const length = body.readUInt32BE(1);
  if (body.length !== PREFIX_BYTES + length) return -1;
  const message = body.subarray(PREFIX_BYTES);
  // The default of the enumeration is not written.
  if (length === 0) return 0;
  // The message has one field; one that is not known would be of a later version.
  if (message[0] !== 0x08 || length !== 2 || message[1]! > 0x7f) return -1;
  return message[1]!;
}
