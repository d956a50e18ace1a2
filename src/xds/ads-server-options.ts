/** What the control plane passes to the ADS server, and the events that it gets back. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { ProxyRecord } from "./proxy-record.ts";
import type { ConnectDecision, StreamPeer } from "./stream-peer.ts";

export interface AcknowledgeEvent {
  readonly streamId: string;
  /** The revision that every subscribed type now has. Only ever grows on a stream. */
  readonly acknowledgedRevision: number;
}

export interface RefuseEvent {
  readonly streamId: string;
  readonly typeUrl: string;
  readonly revision: number;
  readonly version: string;
  /** Resources that the message names; every changed resource of the response when it names none. */
  readonly names: readonly string[];
  readonly message: string;
}

export interface AdsServerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Sent to clients as `control_plane.identifier`. */
  readonly identifier?: string;
  /**
   * Called with the first request. Nothing is answered before `setSnapshot`, which may be called from
   * inside. Must not throw.
   */
  readonly onConnect: (stream: StreamPeer) => ConnectDecision;
  /** Called once for each accepted stream. `reason` is for people. */
  readonly onDisconnect: (stream: StreamPeer, record: ProxyRecord, reason: string) => void;
  /** The acknowledged revision of a proxy moved on. */
  readonly onAcknowledge: (event: AcknowledgeEvent) => void;
  readonly onRefuse: (event: RefuseEvent) => void;
}
