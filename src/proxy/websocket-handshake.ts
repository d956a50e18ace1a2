/**
 * The key of a WebSocket handshake towards an upstream that speaks HTTP/1.1, where the client gave none
 * because it speaks HTTP/2 (RFC 8441 section 5): made up here, and its answer checked here.
 */
import { randomBytes } from "node:crypto";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { websocketAccept } from "../http1/websocket-key.ts";

const KEY = new HeaderName("sec-websocket-key");
const ACCEPT = new HeaderName("sec-websocket-accept");
/** RFC 6455 section 4.1. */
const KEY_BYTES = 16;

export class WebsocketHandshake {
  /** Empty where the client checks the answer itself. */
  #expected = "";

  /** Before a request is sent that asks for a tunnel. */
  begin({ upgrade, headers }: RequestHead): void {
    this.#expected = "";
    if (upgrade.toLowerCase() !== "websocket" || headers.get(KEY.lower) !== undefined) return;
    const key = randomBytes(KEY_BYTES).toString("base64");
    headers.add(new HeaderField(KEY, key));
    this.#expected = websocketAccept(key);
  }

  /** Whether an answer that opens the tunnel fits. What only this hop asked for goes no further. */
  accepts({ headers }: ResponseHead): boolean {
    if (this.#expected === "") return true;
    if (headers.get(ACCEPT.lower) !== this.#expected) return false;
    headers.remove(ACCEPT);
    return true;
  }
}
