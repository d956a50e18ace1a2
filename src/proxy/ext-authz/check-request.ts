/**
 * CheckRequest of `envoy.service.auth.v3`, written without a schema: what an authorization service is told of a request,
 * or of a TCP connection. Paths and hosts are those that are forwarded, and every value of a field is told (T24).
 */
import { isUtf8 } from "node:buffer";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { MetadataMap } from "../../decision/dynamic-metadata.ts";
import type { ConnectionIdentity } from "../downstream-connection.ts";
import type { RoutedRequest } from "../routed-request.ts";
import { structBytes } from "./metadata-wire.ts";
import type { ToldHeader } from "./told-headers.ts";

export const CHECK = "/envoy.service.auth.v3.Authorization/Check";

/** What both questions tell of a connection. */
export type ToldConnection = Omit<ConnectionIdentity, "peerNotAfterMs" | "hostCheck">;

export interface ConnectionQuestion {
  readonly connection: ToldConnection;
  readonly tellsCertificate: boolean;
  readonly tellsServerName: boolean;
}

export interface RequestQuestion extends ConnectionQuestion {
  readonly request: RoutedRequest;
  readonly requestId: string;
  /** Wall clock. */
  readonly timeMs: number;
  readonly headers: readonly ToldHeader[];
  /** Each field by itself, its bytes as they are. */
  readonly isRaw: boolean;
  /** What was gathered of the body; undefined where it is not told. */
  readonly body: Buffer | undefined;
  readonly isBodyBytes: boolean;
  readonly contextExtensions: ReadonlyMap<string, string>;
  /** By namespace. */
  readonly metadata: readonly (readonly [string, MetadataMap])[];
}

export function connectionCheck(question: ConnectionQuestion): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).fork();
  writeConnection(writer, question, "");
  return writer.join().finish();
}

export function requestCheck(question: RequestQuestion): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).fork();
  const { request, timeMs, contextExtensions, metadata } = question;
  writeConnection(writer, question, request.header("x-envoy-downstream-service-cluster") ?? "");
  writer.tag(4, WireType.LengthDelimited).fork();
  writeTime(writer, timeMs);
  writer.tag(2, WireType.LengthDelimited).fork();
  writeHttp(writer, question);
  writer.join().join();
  for (const [key, value] of contextExtensions) writeEntry(writer, 10, key, value);
  if (metadata.length > 0) {
    writer.tag(11, WireType.LengthDelimited).fork();
    for (const [namespace, fields] of metadata) {
      writer.tag(1, WireType.LengthDelimited).fork();
      text(writer, 1, namespace);
      writer.tag(2, WireType.LengthDelimited).bytes(structBytes(fields));
      writer.join();
    }
    writer.join();
  }
  return writer.join().finish();
}

/** Source, destination and the TLS session of AttributeContext. */
function writeConnection(
  writer: BinaryWriter,
  { connection, tellsCertificate, tellsServerName }: ConnectionQuestion,
  service: string,
): void {
  const { peerCertificate, peerPrincipal, serverName } = connection;
  writer.tag(1, WireType.LengthDelimited).fork();
  writeAddress(writer, connection.remoteAddress, connection.remotePort);
  text(writer, 2, service);
  text(writer, 4, peerPrincipal || (peerCertificate?.names.subject ?? ""));
  if (tellsCertificate) text(writer, 5, peerCertificate?.certificateText ?? "");
  writer.join();
  writer.tag(2, WireType.LengthDelimited).fork();
  writeAddress(writer, connection.localAddress, connection.localPort);
  text(writer, 4, peerCertificate?.ownUris[0] ?? "");
  writer.join();
  if (!tellsServerName || connection.scheme !== "https") return;
  writer.tag(12, WireType.LengthDelimited).fork();
  text(writer, 1, serverName);
  writer.join();
}

/** `address`: an Address that is a SocketAddress. */
function writeAddress(writer: BinaryWriter, address: string, port: number): void {
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).fork();
  text(writer, 2, address);
  writer.tag(3, WireType.Varint).uint32(port);
  writer.join().join();
}

function writeTime(writer: BinaryWriter, timeMs: number): void {
  const seconds = Math.floor(timeMs / 1000);
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int64(seconds);
  writer.tag(2, WireType.Varint).int32(Math.floor((timeMs - seconds * 1000) * 1e6));
  writer.join();
}

function writeHttp(writer: BinaryWriter, question: RequestQuestion): void {
  const { request, requestId, headers, isRaw, body, isBodyBytes } = question;
  text(writer, 1, requestId);
  text(writer, 2, request.method);
  if (!isRaw) for (const { name, value } of headers) writeHeaderEntry(writer, name, value);
  bytes(writer, 4, request.path + request.search);
  bytes(writer, 5, request.authority);
  text(writer, 6, request.scheme);
  const size = body?.length ?? request.head?.contentLength ?? -1;
  writer.tag(9, WireType.Varint).int64(size);
  text(writer, 10, request.httpVersion);
  if (body !== undefined && body.length > 0) {
    if (isBodyBytes) writer.tag(12, WireType.LengthDelimited).bytes(body);
    else writer.tag(11, WireType.LengthDelimited).bytes(utf8Of(body));
  }
  if (!isRaw) return;
  writer.tag(13, WireType.LengthDelimited).fork();
  for (const { name, value } of headers) {
    writer.tag(1, WireType.LengthDelimited).fork();
    bytes(writer, 1, name);
    writer.tag(3, WireType.LengthDelimited).bytes(Buffer.from(value, "latin1"));
    writer.join();
  }
  writer.join();
}

function writeHeaderEntry(writer: BinaryWriter, name: string, value: string): void {
  writer.tag(3, WireType.LengthDelimited).fork();
  bytes(writer, 1, name);
  bytes(writer, 2, value);
  writer.join();
}

function writeEntry(writer: BinaryWriter, field: number, key: string, value: string): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  text(writer, 1, key);
  text(writer, 2, value);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== "") writer.tag(field, WireType.LengthDelimited).string(value);
}

/** Text in wire form, one character a byte. */
function bytes(writer: BinaryWriter, field: number, wire: string): void {
  if (wire === "") return;
  writer.tag(field, WireType.LengthDelimited).bytes(utf8Of(Buffer.from(wire, "latin1")));
}

/** A message's text must be UTF-8, or no library reads it (CVE-2023-27488): other bytes become `!`, as in Envoy. */
function utf8Of(wire: Buffer): Buffer {
  return isUtf8(wire) ? wire : Buffer.from(wire.toString("utf8").replaceAll("\ufffd", "!"));
}
