/**
 * The handshake of RFC 6455 section 4 where only one side speaks HTTP/1.1: over HTTP/2 a WebSocket has no
 * key (RFC 8441 section 5), so that whoever translates makes one up, or answers one.
 */
import { createHash } from "node:crypto";

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What `Sec-WebSocket-Accept` says to this `Sec-WebSocket-Key`. */
export function websocketAccept(key: string): string {
  return createHash("sha1").update(`${key}${WEBSOCKET_GUID}`).digest("base64");
}
