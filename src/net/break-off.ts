/** Ends a connection in a way that its peer cannot take for an orderly end. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/**
 * TCP gets a reset: a body that lasts as long as its connection would look complete behind a FIN. TLS
 * is cut without the closing alert, which a peer has to tell from an end (RFC 8446 section 6.1).
 */
export function breakOff(socket: Socket): void {
  if (socket instanceof TLSSocket || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}
