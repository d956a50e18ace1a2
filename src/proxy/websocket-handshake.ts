/**
 * The handshake of WebSocket where the proxy's two sides speak different versions: over HTTP/2 it has no key
 * and no answer to one (RFC 8441 section 5), over HTTP/1.1 both are required (RFC 6455 section 4).
 */
import { randomBytes } from "node:crypto";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { websocketAccept } from "../http1/websocket-key.ts";

const KEY = new HeaderName("sec-websocket-key");
const ACCEPT = new HeaderName("sec-websocket-accept");
/** RFC 6455 section 4.1. */
const KEY_BYTES = 16;

/**
 * RFC 6455 section 4.2.1: over HTTP/1.1 there is no handshake without a key. Further on one would be made up for it,
 * and the client would be in a tunnel that it has not asked for in earnest. True for other protocols.
 */
export function hasWebsocketKey({ upgrade, headers }: RequestHead): boolean {
  return upgrade.toLowerCase() !== "websocket" || headers.get(KEY.lower) !== undefined;
}

/**
 * For an upstream that speaks HTTP/2 and has accepted a WebSocket: answers the client's key in its stead, unless it
 * has done so itself, as a sidecar in front of an HTTP/1.1 app does. `key` is undefined where there is none.
 */
export function answerWebsocketKey(key: string | undefined, answer: HeaderBlock): void {
  if (key === undefined || answer.get(ACCEPT.lower) !== undefined) return;
  answer.add(new HeaderField(ACCEPT, websocketAccept(key)));
}

/** Towards an upstream that speaks HTTP/1.1: makes a key where the client gave none, and checks the answer to it. */
export class WebsocketHandshake {
  /** Empty where the client checks the answer itself. */
  #expected = "";

  /** Before a request is sent that asks for a tunnel. */
  begin(head: RequestHead): void {
    this.#expected = "";
    if (hasWebsocketKey(head)) return;
    const key = randomBytes(KEY_BYTES).toString("base64");
    head.headers.add(new HeaderField(KEY, key));
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
