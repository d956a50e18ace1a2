/**
 * Of an exchange whose request asks for a tunnel: whether it is one, and which of its directions has ended. Until the
 * upstream has accepted, the client's bytes are held: behind a refusal they would be read as requests (T9).
 *
 *   offered ─ accepted ─> open ─ one side ends ─> half-closed ─ the other ends ─> over
 */
import type { RouteMatchResult } from "../decision/route-table.ts";
import { allowsUpgrade } from "../decision/upgrade-rule.ts";
import { BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { HttpConfig } from "./http-config.ts";
import { LOCAL_REPLY, type LocalReply } from "./local-reply.ts";
import { hasWebsocketKey } from "./websocket-handshake.ts";

export class Tunnel {
  isOpen = false;
  /** The upstream sends no more. */
  hasResponseEnded = false;

  /**
   * The status of the upstream's answer, which it may change: to an HTTP/2 client any 2xx would say that its
   * tunnel is open (RFC 8441 section 4), but an app that ignored an Upgrade has opened none.
   */
  settledStatus(head: ResponseHead, isHttp2: boolean): number {
    const isPlain = !this.isOpen && head.bodyKind !== BODY_TUNNEL;
    if (isPlain && isHttp2 && head.status < 300) head.status = 502;
    return head.status;
  }

  /**
   * Bytes may go both ways. A WebSocket may be silent for hours, so that only its route can limit it; but where one
   * side has ended, the other must not be waited for for ever: there the stream's limit holds.
   */
  isLive(hasRequestEnded: boolean): boolean {
    return this.isOpen && !hasRequestEnded && !this.hasResponseEnded;
  }
}

/** The answer to a request that must not become the tunnel that it asks for, or undefined. */
export function tunnelRefusal(
  head: RequestHead,
  match: RouteMatchResult | undefined,
  config: HttpConfig,
  isHttp2: boolean,
): LocalReply | undefined {
  if (head.bodyKind !== BODY_TUNNEL) return undefined;
  if (head.upgrade === "" && match === undefined) return LOCAL_REPLY.connectRefused;
  const action = match?.route.action;
  const ofRoute = action?.kind === "forward" ? action.upgrades : undefined;
  if (!allowsUpgrade(head.upgrade, ofRoute, config.upgrades)) return LOCAL_REPLY.upgradeRefused;
  return isHttp2 || hasWebsocketKey(head) ? undefined : LOCAL_REPLY.websocketKeyMissing;
}
