/**
 * Whether an exchange is to become a tunnel, is one, and which of its directions has ended. Until the upstream
 * has accepted, the client's bytes are held: behind a refusal they would be read as requests (T9).
 *
 *   none      offered ─ accepted ─> open ─ one side ends ─> half-closed ─ the other ends ─> over
 */
import type { ForwardAction } from "../decision/route.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import { allowsUpgrade } from "../decision/upgrade-rule.ts";
import { BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { HttpConfig } from "./http-config.ts";
import { LOCAL_REPLY, type LocalReply } from "./local-reply.ts";
import { hasWebsocketKey } from "./websocket-handshake.ts";

const NONE = 0;
const OFFERED = 1;
const OPEN = 2;

export class Tunnel {
  #phase = NONE;
  /** The upstream sends no more. */
  hasResponseEnded = false;

  /** For the next request: whether it asks for a tunnel. */
  begin(isOffered: boolean): void {
    this.#phase = isOffered ? OFFERED : NONE;
    this.hasResponseEnded = false;
  }

  /** The request asks for a tunnel, whatever has become of it. */
  get isWanted(): boolean {
    return this.#phase !== NONE;
  }

  /** The client's bytes must not go upstream yet. */
  get isHeld(): boolean {
    return this.#phase === OFFERED;
  }

  get isOpen(): boolean {
    return this.#phase === OPEN;
  }

  open(): void {
    this.#phase = OPEN;
  }

  /**
   * The status of the upstream's answer, which it may change: to an HTTP/2 client any 2xx would say that its
   * tunnel is open (RFC 8441 section 4), but an app that ignored an Upgrade has opened none.
   */
  settledStatus(head: ResponseHead, isHttp2: boolean): number {
    const isPlain = this.isHeld && head.bodyKind !== BODY_TUNNEL;
    if (isPlain && isHttp2 && head.status < 300) head.status = 502;
    return head.status;
  }

  /**
   * Milliseconds without a byte after which the exchange is ended, 0 for never. A WebSocket may be silent for
   * hours, so that only its route can limit it; but where one side has ended, the other must not be
   * waited for for ever: there the stream's limit holds.
   */
  idleMs(action: ForwardAction, config: HttpConfig, hasRequestEnded: boolean): number {
    if (action.idleTimeoutMs !== undefined) return action.idleTimeoutMs;
    const isLive = this.isOpen && !hasRequestEnded && !this.hasResponseEnded;
    return isLive ? 0 : config.streamIdleTimeoutMs;
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
