/** Ends a connection in a way that its peer cannot take for an orderly end. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { handleOf } from "./stream-handle.ts";

/** A TCP handle, of which a TLS handle has one below it. */
interface TcpHandle {
  close(onClosed?: () => void): void;
  reset(onClosed?: () => void): void;
}

/**
 * The peer gets a TCP reset: a body that lasts as long as its connection would look complete behind a FIN.
 * Over TLS a missing closing alert should tell as much (RFC 8446 section 6.1), but many peers do not look,
 * Node among them: the reset is for them.
 */
export function breakOff(socket: Socket): void {
  // Nothing is reset whose FIN is on its way already: libuv refuses it (EINVAL), and the runtime, which takes
  // the handle for closed then, would keep its descriptor for ever.
  if (socket.writableEnded) {
    socket.destroy();
    return;
  }
  if (!(socket instanceof TLSSocket)) {
    socket.resetAndDestroy();
    return;
  }
  const below = (handleOf(socket) as { readonly _parent?: TcpHandle } | undefined)?._parent;
  if (typeof below?.reset === "function") {
    below.close = (onClosed) => {
      below.reset(onClosed);
    };
  }
  socket.destroy();
}
