/**
 * The upstream side of one TCP connection: chooses a cluster and an endpoint, dials, and tries another
 * endpoint when that fails. It may begin before anybody knows whether it will be needed.
 */
import type { Socket } from "node:net";
import { choiceAt } from "../decision/weighted-clusters.ts";
import type { TcpEndpoints } from "../net/first-bytes/proxy-header.ts";
import { FirstRead } from "../net/first-read.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import { guarded } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import type { DialResult, PendingDial } from "./dialer.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import type { Endpoint } from "./endpoint.ts";
import { PickContext } from "./pick-context.ts";
import type { UpstreamFailure } from "./stream.ts";
import type { TcpOutcome } from "./tcp-outcome.ts";
import type { TcpServer } from "./tcp-server.ts";

export interface TcpUpstreamHandler {
  /** Owns the socket from now on. `firstBytes` were read from it before. */
  onUpstreamConnected(socket: Socket, firstBytes: Buffer | undefined): void;
  /** The outcome says why. */
  onUpstreamFailed(): void;
}

type State =
  | { readonly kind: "dialling" }
  | { readonly kind: "waiting"; readonly socket: Socket; readonly read: FirstRead }
  | { readonly kind: "over" };

const DIALLING: State = { kind: "dialling" };
const OVER: State = { kind: "over" };

export class TcpUpstream {
  readonly outcome: TcpOutcome;
  readonly #server: TcpServer;
  #handler: TcpUpstreamHandler | undefined;
  #onSpoken: (() => void) | undefined;
  #state: State = DIALLING;
  #cluster: Cluster | undefined;
  /** Made where something is hashed, and when a dial has failed. */
  #pick: PickContext | undefined;
  #dial: PendingDial | undefined;

  constructor(server: TcpServer, outcome: TcpOutcome) {
    this.#server = server;
    this.outcome = outcome;
  }

  /** Begins without anybody who wants the connection yet. `onSpoken`: the upstream sends, or has ended. */
  begin(onSpoken: () => void): void {
    this.#onSpoken = onSpoken;
    this.#chooseCluster();
  }

  /** Gives the connection to `handler`, now or when it is there. */
  deliverTo(handler: TcpUpstreamHandler): void {
    this.#handler = handler;
    this.#onSpoken = undefined;
    const state = this.#state;
    switch (state.kind) {
      case "waiting":
        this.#state = OVER;
        handler.onUpstreamConnected(state.socket, state.read.stop());
        break;
      case "dialling":
        if (this.#dial === undefined) this.#chooseCluster();
        break;
      case "over":
        // What failed while nobody wanted it gets another chance.
        this.#state = DIALLING;
        this.outcome.attempts = 0;
        this.outcome.flag = FLAG.none;
        this.#chooseCluster();
        break;
    }
  }

  /** Nobody wants the connection. */
  abort(): void {
    const state = this.#state;
    this.#handler = undefined;
    this.#onSpoken = undefined;
    this.#state = OVER;
    this.#dial?.abort();
    this.#dial = undefined;
    if (state.kind === "waiting") state.socket.destroy();
  }

  #chooseCluster(): void {
    const { config, clusters, prng } = this.#server;
    const split = config.clusters;
    const value = split.choices.length === 1 ? 0 : Math.floor(prng.next() * split.total);
    const name = choiceAt(split, value).cluster;
    const cluster = clusters.get(name);
    this.#cluster = cluster;
    this.outcome.clusterName = name;
    this.outcome.service = cluster?.service;
    if (cluster === undefined) {
      this.#fail(FLAG.NC, `no cluster ${name}`);
      return;
    }
    if (config.hashPolicy !== undefined) {
      this.#pick ??= new PickContext();
      config.hashPolicy.apply(this.outcome.connection.remoteAddress, this.#pick);
    }
    this.#connect(cluster);
  }

  #connect(cluster: Cluster): void {
    const endpoint = cluster.pick(this.#pick);
    if (endpoint === undefined) {
      this.#fail(FLAG.UH, `cluster ${cluster.name} has no endpoint`);
      return;
    }
    const { outcome } = this;
    outcome.endpoint = endpoint;
    outcome.attempts += 1;
    this.#dial = endpoint.dialRaw(
      (result) => this.#onDialed(endpoint, result),
      endpointsOf(outcome.connection),
    );
    if (this.#dial === undefined) {
      this.#fail(FLAG.UO, `cluster ${cluster.name} has too many connections`);
    }
  }

  #onDialed(endpoint: Endpoint, result: DialResult): void {
    this.#dial = undefined;
    if (result.kind === "connected") {
      this.#onConnected(result.socket);
      return;
    }
    this.#pick ??= new PickContext();
    this.#pick.avoid(endpoint);
    const cluster = this.#cluster!;
    if (this.outcome.attempts < this.#server.config.connectAttemptsMax) this.#connect(cluster);
    else this.#fail(FLAG.UF, textOf(result));
  }

  #onConnected(socket: Socket): void {
    // Each side may end its direction while the other goes on.
    socket.allowHalfOpen = true;
    const handler = this.#handler;
    if (handler !== undefined) {
      this.#state = OVER;
      handler.onUpstreamConnected(socket, undefined);
      return;
    }
    const owner = {
      onFault: (error: unknown) => {
        this.#server.faults.report("speculative upstream", error);
        socket.destroy();
      },
    };
    const read = new FirstRead(
      socket,
      guarded(owner, (bytes: Buffer) => this.#onFirstBytes(socket, bytes)),
    );
    socket.on("error", () => {});
    socket.once(
      "close",
      guarded(owner, () => this.#onGone(socket)),
    );
    this.#state = { kind: "waiting", socket, read };
  }

  #onFirstBytes(socket: Socket, bytes: Buffer): void {
    // An upstream that hangs up without a word does so again to whoever takes the next connection.
    if (bytes.length === 0) socket.destroy();
    else this.#onSpoken?.();
  }

  #onGone(socket: Socket): void {
    if (this.#state.kind !== "waiting" || this.#state.socket !== socket) return;
    this.#state = OVER;
    this.#onSpoken?.();
  }

  #fail(flag: number, reason: string): void {
    this.#state = OVER;
    this.outcome.flag = flag;
    this.outcome.failureReason = reason;
    this.#handler?.onUpstreamFailed();
  }
}

/** Undefined when the client has gone already. */
function endpointsOf(connection: ConnectionIdentity): TcpEndpoints | undefined {
  if (connection.remoteAddress === "") return undefined;
  return {
    sourceAddress: connection.remoteAddress,
    sourcePort: connection.remotePort,
    destinationAddress: connection.localAddress,
    destinationPort: connection.localPort,
  };
}

function textOf(failure: UpstreamFailure): string {
  return "reason" in failure ? failure.reason : failure.kind;
}
