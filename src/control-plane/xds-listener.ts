/**
 * The gRPC side that proxies connect to: xDS, health reports and certificates on one TLS port, with the control
 * plane's own certificate, which is replaced long before it expires.
 */
import { networkInterfaces } from "node:os";
import type { Server } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import type { Component } from "../core/component.ts";
import type { Logger } from "../core/logger.ts";
import { type DenyList, NOTHING_DENIED } from "../identity/deny-list.ts";
import {
  createMeshGrpcListener,
  type MeshGrpcListener,
  type PeerCall,
  type TlsIdentity,
} from "../identity/grpc-listener.ts";
import type { IdentityAgent } from "../identity/identity-agent.ts";
import { type AdvertisedHost, advertisedAddress } from "./advertised-address.ts";
import type { AuditTrail } from "./audit/audit-trail.ts";
import { refusedPeerEvent } from "./audit/identity-events.ts";
import { bindOrFallBack, formatAddress, type ListenAddress } from "./listen-address.ts";

export interface XdsListenerOptions {
  /** With all services added. */
  readonly server: Server;
  readonly address: ListenAddress;
  /** Where sidecars are told to find it, if not there. */
  readonly advertised?: AdvertisedHost | undefined;
  readonly agent: IdentityAgent;
  /** Called first when it stops, while all streams are still open. */
  readonly onStop: () => void;
  /** Called when its address is known. */
  readonly onStart?: () => void;
  /** Where refused certificates are told. */
  readonly audit?: AuditTrail | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export class XdsListener implements Component {
  readonly name = "xDS listener";
  readonly #options: XdsListenerOptions;
  #listener: MeshGrpcListener | undefined;
  #unsubscribe: (() => void) | undefined;
  #address = "";
  #advertised = "";
  #denied = NOTHING_DENIED;

  constructor(options: XdsListenerOptions) {
    this.#options = options;
  }

  /** `host:port`. Empty until started. */
  get address(): string {
    return this.#address;
  }

  /** Who is on the list is refused and cut off. Holds for a listener that is yet to start, too. */
  setDenied(denied: DenyList): void {
    this.#denied = denied;
    this.#listener?.setDenied(denied);
  }

  /** Why the caller's certificate was refused, if it sent one. */
  refusalOf(call: PeerCall): string | undefined {
    return this.#listener?.refusalOf(call);
  }

  /** Where sidecars are told to find it: `host:port`. Empty until started. */
  get advertised(): string {
    return this.#advertised;
  }

  async start(): Promise<void> {
    const { address, agent } = this.#options;
    await agent.whenReady();
    const what = { name: "the xDS server", option: "--xds-address" };
    const port = await bindOrFallBack(address, what, (host, wanted) => this.#bind(host, wanted));
    this.#address = formatAddress(address.host, port);
    this.#advertised = advertisedAddress(
      { host: address.host, port },
      this.#options.advertised,
      Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []),
    );
    this.#options.onStart?.();
    this.#unsubscribe = agent.onUpdate(() => this.#listener?.setIdentity(this.#identity()));
  }

  async stop(graceMs: number): Promise<void> {
    this.#unsubscribe?.();
    this.#options.onStop();
    await this.#listener?.stop(graceMs);
  }

  async #bind(host: string, port: number): Promise<number> {
    const { server, clock, log, audit } = this.#options;
    const identity = this.#identity();
    const listener = createMeshGrpcListener({
      ...{ server, host, port, identity, clock, logger: log },
      onRefused: (refused) => audit?.record(refusedPeerEvent(refused)),
    });
    try {
      await listener.start();
    } catch (error) {
      await listener.stop(0);
      throw error;
    }
    this.#listener = listener;
    listener.setDenied(this.#denied);
    return listener.port;
  }

  #identity(): TlsIdentity {
    const { svid, bundles } = this.#options.agent.channelIdentity;
    if (svid === undefined) throw new Error("the control plane has no certificate");
    return { svid, bundles };
  }
}
