/**
 * Which version of HTTP a connection speaks, and the codec that serves it: as declared, else by ALPN, else
 * by the client's first bytes (RFC 9113 section 3.3: prior knowledge).
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Logger } from "../core/logger.ts";
import { CLIENT_PREFACE, matchPreface, PREFACE_MISMATCH } from "../http2/preface.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import type { HttpServer } from "./http-server.ts";
import { Http1ServerConnection } from "./http1-server-connection.ts";
import { Http2ServerConnection } from "./http2-server-connection.ts";
import type { Http2StreamPool } from "./http2-server-stream.ts";
import type { ProtocolCounters } from "./listener-metrics.ts";
import { atPeerExpiry } from "./peer-expiry.ts";
import { PrefaceDetection } from "./preface-detection.ts";

export interface DownstreamCodecDeps {
  readonly log: Logger;
  readonly protocols: ProtocolCounters;
  readonly http2Streams: Http2StreamPool;
}

/** `firstBytes`: what was read before, and stays valid. The connection's own from now on. */
export function serveHttp(
  socket: Socket,
  identity: ConnectionIdentity,
  server: HttpServer,
  firstBytes: Buffer | undefined,
  deps: DownstreamCodecDeps,
): void {
  const version = knownVersion(socket, server, firstBytes);
  if (version === "http1") {
    serveHttp1(socket, identity, server, firstBytes, deps);
  } else if (version === "http2") {
    serveHttp2(socket, identity, server, firstBytes, deps);
  } else {
    new PrefaceDetection(socket, server, firstBytes, (isHttp2, bytes) => {
      if (isHttp2) serveHttp2(socket, identity, server, bytes, deps);
      else serveHttp1(socket, identity, server, bytes, deps);
    });
  }
}

function knownVersion(
  socket: Socket,
  server: HttpServer,
  firstBytes: Buffer | undefined,
): "http1" | "http2" | undefined {
  const { codec } = server.config;
  if (codec !== "auto") return codec;
  // RFC 7301 section 3.2: what was agreed on is what is spoken.
  const agreed = socket instanceof TLSSocket ? socket.alpnProtocol || "" : "";
  if (agreed !== "") return agreed === "h2" ? "http2" : "http1";
  if (firstBytes === undefined) return undefined;
  const matched = matchPreface(firstBytes, 0, firstBytes.length, 0);
  if (matched === PREFACE_MISMATCH) return "http1";
  return matched === CLIENT_PREFACE.length ? "http2" : undefined;
}

function serveHttp1(
  socket: Socket,
  identity: ConnectionIdentity,
  server: HttpServer,
  firstBytes: Buffer | undefined,
  { protocols }: DownstreamCodecDeps,
): void {
  if (isDenied(socket, identity, server)) return;
  protocols["http/1.1"].value += 1;
  const connection = { ...identity, isHttp2: false };
  const served = new Http1ServerConnection(socket, connection, server, firstBytes);
  atPeerExpiry(socket, identity.peerNotAfterMs, server, served, () => served.drain());
}

function serveHttp2(
  socket: Socket,
  identity: ConnectionIdentity,
  server: HttpServer,
  firstBytes: Buffer | undefined,
  { protocols, http2Streams }: DownstreamCodecDeps,
): void {
  if (isDenied(socket, identity, server)) return;
  protocols.h2.value += 1;
  const connection = { ...identity, isHttp2: true };
  const served = new Http2ServerConnection(socket, connection, server, http2Streams, firstBytes);
  atPeerExpiry(socket, identity.peerNotAfterMs, server, served, () => served.drain());
}

/** Whether policy closes the connection before any request. */
function isDenied(socket: Socket, identity: ConnectionIdentity, server: HttpServer): boolean {
  if (server.authorization.judge(identity) === undefined) return false;
  socket.destroy();
  return true;
}
