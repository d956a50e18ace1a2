/** An ADS server on a loopback port whose clock moves only when a test says so, and a record of its events. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ManualClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { AdsServer } from "../../src/xds/ads-server.ts";
import type { RefuseEvent } from "../../src/xds/ads-server-options.ts";
import type { ProxyRecord } from "../../src/xds/proxy-record.ts";
import { type EncodedResource, type ProxySnapshot, proxySnapshot } from "../../src/xds/snapshot.ts";
import type { ConnectDecision, StreamPeer } from "../../src/xds/stream-peer.ts";
import { RawAdsClient } from "./raw-ads-client.ts";

export class AdsServerFixture {
  readonly clock = new ManualClock();
  readonly peers: StreamPeer[] = [];
  readonly acknowledged: number[] = [];
  readonly refused: RefuseEvent[] = [];
  readonly disconnected: { readonly peer: StreamPeer; readonly record: ProxyRecord }[] = [];
  decision: ConnectDecision = { accepted: true };
  readonly ads: AdsServer;
  readonly grpc = new Server();
  #port = 0;
  #snapshot: ProxySnapshot | undefined;
  #revision = 0;
  readonly #open = new Set<string>();
  readonly #clients: RawAdsClient[] = [];
  #onDisconnect: (() => void) | undefined;
  #onAnswer: (() => void) | undefined;

  constructor() {
    this.ads = new AdsServer({
      clock: this.clock,
      log: silentLogger,
      onConnect: (peer) => {
        this.peers.push(peer);
        if (!this.decision.accepted) return this.decision;
        this.#open.add(peer.id);
        if (this.#snapshot !== undefined) this.ads.setSnapshot(peer.id, this.#snapshot);
        return this.decision;
      },
      onDisconnect: (peer, record) => {
        this.#open.delete(peer.id);
        this.disconnected.push({ peer, record });
        this.#onDisconnect?.();
      },
      onAcknowledge: ({ acknowledgedRevision }) => {
        this.acknowledged.push(acknowledgedRevision);
        this.#onAnswer?.();
      },
      onRefuse: (event) => {
        this.refused.push(event);
        this.#onAnswer?.();
      },
    });
    this.ads.addTo(this.grpc);
  }

  get port(): number {
    return this.#port;
  }

  /** Port 0 takes any. */
  async listen(port = 0): Promise<this> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.grpc.bindAsync(
        `127.0.0.1:${port}`,
        ServerCredentials.createInsecure(),
        (error, bound) => (error ? reject(error) : resolve(bound)),
      );
    });
    return this;
  }

  connect(protocol: "sotw" | "delta"): RawAdsClient {
    const client = new RawAdsClient(this.#port, protocol);
    this.#clients.push(client);
    return client;
  }

  /** Gives every proxy, also those that connect later, a snapshot with the next revision. */
  set(...resources: EncodedResource[]): number {
    this.#revision += 1;
    this.setSnapshot(proxySnapshot(this.#revision, resources));
    return this.#revision;
  }

  setSnapshot(snapshot: ProxySnapshot): void {
    this.#snapshot = snapshot;
    for (const id of this.#open) this.ads.setSnapshot(id, snapshot);
  }

  /** The record of the proxy that connected last. */
  get record(): ProxyRecord {
    const record = this.ads.record(this.peers.at(-1)?.id ?? "");
    if (record === undefined) throw new Error("no proxy is connected");
    return record;
  }

  /** Resolves when a proxy acknowledges or refuses something. */
  nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnswer = resolve;
    });
  }

  nextDisconnect(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDisconnect = resolve;
    });
  }

  stop(): void {
    for (const client of this.#clients) client.close();
    this.grpc.forceShutdown();
  }
}
