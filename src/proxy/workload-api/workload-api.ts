/**
 * The socket by which the app beside a sidecar gets its identity: the SPIFFE Workload API, and SDS for an Envoy of its own.
 * Whoever can open the socket is the workload: Node tells nothing of the peer of a unix socket, so there is one socket for
 * each workload and its owner alone may open it. Loaded only where it is asked for.
 */
import { type ConnectionInjector, Server, ServerCredentials } from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { WORKLOAD_API_CONNECTIONS_MAX } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import { parseBundleMap } from "../../decision/spiffe/bundle-document.ts";
import type { CertificateClient } from "../../identity/certificate-client.ts";
import type { DenyList } from "../../identity/deny-list.ts";
import type { IdentityAgent, IdentityStatus } from "../../identity/identity-agent.ts";
import type { JwtSvidClient } from "../../identity/jwt-svid-client.ts";
import type { SpiffeId } from "../../identity/spiffe-id.ts";
import { OwnerSocket } from "../../net/owner-socket.ts";
import type { TrustListener } from "../identity-updates.ts";
import { AppIdentity } from "./app-identity.ts";
import { PushStreams } from "./push-streams.ts";
import { addSecretService } from "./secret-service.ts";
import { Standing } from "./standing.ts";
import { Tokens } from "./tokens.ts";
import { CallCounts } from "./workload-calls.ts";
import { addWorkloadService } from "./workload-service.ts";

/** The largest request is a token to validate. */
const REQUEST_BYTES_MAX = 64 * 1024;
/** How long the end of streams may take to be written. */
const LAST_WORDS_MS = 50;

export interface WorkloadApiOptions {
  /** Absolute. */
  readonly path: string;
  readonly spiffeId: SpiffeId;
  readonly certificates: Pick<CertificateClient, "sign">;
  readonly tokens: Pick<JwtSvidClient, "sign">;
  /** The sidecar's own. */
  readonly sidecar: Pick<IdentityAgent, "channelIdentity" | "whenReady" | "status">;
  /** Whether the stream to the control plane is up. */
  readonly isConnected: () => boolean;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

/** For metrics. */
export interface WorkloadApiStatus {
  readonly identity: IdentityStatus;
  readonly streamCount: number;
  /** Calls that ended, by method and status. */
  readonly calls: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export class WorkloadApi implements Component, TrustListener {
  readonly name = "workload-api";
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #identity: AppIdentity;
  readonly #streams: PushStreams;
  readonly #tokens: Tokens;
  readonly #counts = new CallCounts();
  readonly #server = new Server({ "grpc.max_receive_message_length": REQUEST_BYTES_MAX });
  readonly #injector: ConnectionInjector;
  readonly #socket: OwnerSocket;
  readonly #standing: Standing;

  constructor(options: WorkloadApiOptions) {
    const { path, spiffeId, certificates, sidecar, clock, prng } = options;
    const log = options.log.child(this.name);
    this.#log = log;
    this.#clock = clock;
    this.#path = path;
    this.#identity = new AppIdentity({ spiffeId, client: certificates, sidecar, clock, prng, log });
    this.#streams = new PushStreams(clock, prng);
    this.#tokens = new Tokens((audience) => options.tokens.sign(audience), clock);
    const shared = {
      getState: () => this.#identity.state,
      ...{ streams: this.#streams, counts: this.#counts },
    };
    addWorkloadService(this.#server, { ...shared, tokens: this.#tokens, clock });
    addSecretService(this.#server, { ...shared, log });
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#socket = new OwnerSocket({
      path,
      connectionsMax: WORKLOAD_API_CONNECTIONS_MAX,
      onConnection: (socket) => this.#injector.injectConnection(socket),
    });
    this.#standing = new Standing({
      ...options,
      onVerdict: (refusal) => this.#identity.setRefusal(refusal),
    });
    this.#identity.onChange(() => this.#changed());
  }

  /** Resolves when the socket is there; the identity comes later. Throws `socket-unusable`. */
  async start(): Promise<void> {
    await this.#socket.listen();
    this.#log.info("serving the Workload API", { path: this.#path });
    void this.#identity.start();
    this.#standing.start();
  }

  /** Cuts off who is connected: they connect again, to the process that takes over. */
  async stop(): Promise<void> {
    this.#standing.stop();
    // Whoever asks again does so on a new connection.
    this.#injector.drain(LAST_WORDS_MS);
    this.#streams.stop();
    await this.#identity.stop();
    await new Promise<void>((resolve) => this.#clock.schedule(LAST_WORDS_MS, resolve));
    this.#server.forceShutdown();
    await this.#socket.close();
  }

  get status(): WorkloadApiStatus {
    return {
      identity: this.#identity.status,
      streamCount: this.#streams.count,
      calls: this.#counts.byMethod,
    };
  }

  setTrustBundle(pem: string): void {
    this.#identity.setTrustBundle(pem);
  }

  setIssuers(rootIds: readonly string[], withinMs: number): void {
    this.#identity.setIssuers(rootIds, withinMs);
  }

  setDenied(denied: DenyList): void {
    this.#identity.setDenied(denied);
  }

  /** Undefined, or what is wrong with the text: then nothing changes. */
  setBundleMap(text: string): string | undefined {
    const bundles = parseBundleMap(text);
    if ("kind" in bundles) return bundles.message;
    this.#identity.setBundles(bundles);
    return undefined;
  }

  #changed(): void {
    if (this.#identity.state.kind === "denied") this.#tokens.clear();
    this.#streams.changed();
  }
}
