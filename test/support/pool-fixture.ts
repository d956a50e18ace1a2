/**
 * An endpoint whose network is in the test's hand: dials that it answers, and connections that are the
 * least that an `UpstreamConnection` has to be.
 */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { TimerWheel } from "../../src/core/timer-wheel.ts";
import type { FieldError } from "../../src/decision/field-error.ts";
import { ClusterSchema } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { CallbackFaults } from "../../src/proxy/callback-faults.ts";
import { Cluster } from "../../src/proxy/cluster.ts";
import { createClusterCounts } from "../../src/proxy/cluster-counts.ts";
import { createHostSet } from "../../src/proxy/cluster-hosts.ts";
import { compileCluster } from "../../src/proxy/config/cluster-config.ts";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import type { Dialer, DialResult, PendingDial } from "../../src/proxy/dialer.ts";
import { Endpoint } from "../../src/proxy/endpoint.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "../../src/proxy/stream.ts";
import type { UpstreamCodec } from "../../src/proxy/upstream-codec.ts";
import {
  PoolNotes,
  type UpstreamConnection,
  type UpstreamConnectionOwner,
} from "../../src/proxy/upstream-connection.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { endpointInfo } from "./endpoint-info.ts";

/** Carries requests that end when the test says so. */
export class FakeConnection implements UpstreamConnection {
  readonly codec: UpstreamCodec;
  readonly requests: FakeRequest[] = [];
  readonly pooled = new PoolNotes();
  readonly peerIdleLimitMs = 0;
  isClosed = false;
  isDraining = false;
  isBlocked = false;
  readonly #owner: UpstreamConnectionOwner;
  readonly #streamsMax: number;

  constructor(codec: UpstreamCodec, owner: UpstreamConnectionOwner, streamsMax: number) {
    this.codec = codec;
    this.#owner = owner;
    this.#streamsMax = codec === "http1" ? 1 : streamsMax;
  }

  get isMultiplexed(): boolean {
    return this.codec === "http2";
  }

  get room(): number {
    return this.isClosed || this.isDraining ? 0 : this.#streamsMax - this.requests.length;
  }

  get activeStreams(): number {
    return this.requests.length;
  }

  open(handler: ClientStreamHandler): ClientStream {
    assert.ok(this.room > 0, "the pool opens a request where there is no room");
    const request = handler as FakeRequest;
    request.connection = this;
    this.requests.push(request);
    return new FakeStream(this, request);
  }

  /** The newest `count` requests are answered. */
  answer(count = 1): void {
    for (let i = 0; i < count; i++) this.end(this.requests.at(-1)!);
  }

  end(request: FakeRequest): void {
    const index = this.requests.indexOf(request);
    if (index < 0) return;
    this.requests.splice(index, 1);
    if (!this.isDraining) this.#owner.onConnectionRoom(this);
    else if (this.requests.length === 0) this.destroy();
  }

  goAway(): void {
    this.isDraining = true;
    this.#owner.onConnectionDraining(this);
    if (this.requests.length === 0) this.destroy();
  }

  drain(): void {
    this.isDraining = true;
    if (this.requests.length === 0) this.destroy();
  }

  /** As a socket does, it is gone in a later turn. */
  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    setImmediate(() => this.#owner.onConnectionClosed(this));
  }
}

class FakeStream implements ClientStream {
  readonly #connection: FakeConnection;
  readonly #request: FakeRequest;

  constructor(connection: FakeConnection, request: FakeRequest) {
    this.#connection = connection;
    this.#request = request;
  }

  reset(): void {
    this.#connection.end(this.#request);
  }

  sendHead(): void {}
  sendBody(): boolean {
    return true;
  }
  sendEnd(): void {}
  pauseResponse(): void {}
  resumeResponse(): void {}
}

export class FakeRequest implements ClientStreamHandler {
  connection: FakeConnection | undefined;
  failure: UpstreamFailure | undefined;
  onReady = (): void => {};

  onStreamReady(): void {
    this.onReady();
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    this.failure = failure;
  }

  onInterim(): void {}
  onResponseHead(): void {}
  onResponseBody(): void {}
  onResponseEnd(): void {}
  onUpstreamDrain(): void {}
}

export interface FakeDial {
  readonly alpn: readonly string[];
  readonly onResult: (result: DialResult) => void;
}

export class PoolFixture {
  readonly cluster: Cluster;
  readonly endpoint: Endpoint;
  readonly connections: FakeConnection[] = [];
  /** Those that have not been answered. */
  readonly dials: FakeDial[] = [];
  readonly registry = new MetricRegistry();
  nowMs = 1;
  /** Of timers alone. */
  readonly clock = new ManualClock();
  streamsMax = 100;

  /** `json` holds fields of the Cluster message. With a `dialer` the network is a real one. */
  constructor(json: JsonObject = {}, dialer?: Dialer, port = 1) {
    const errors: FieldError[] = [];
    const fields = { ...json, name: "app" };
    const message = fromJson(ClusterSchema, fields, { registry: messageRegistry });
    const config = compileCluster(create(ClusterSchema, message), errors);
    assert.deepEqual(errors, []);
    // The middle of every random range.
    const prng = { next: () => 0.5 };
    const nowMs = (): number => this.nowMs;
    this.cluster = new Cluster({
      ...config,
      streamDurationMs: config.http.streamDurationMs,
      counts: createClusterCounts(),
      hosts: createHostSet(config.balancer, config.panicThreshold, {
        ...{ prng, nowMs },
        activeRequests: () => this.cluster.activeRequests,
        localZones: () => undefined,
        ...{ rank: () => 0, isChecked: false },
      }),
    });
    this.endpoint = new Endpoint(endpointInfo({ port }), {
      dialer: dialer ?? {
        dial: (_target, alpn, onResult) => this.#onDial({ alpn, onResult }),
      },
      budget: this.cluster,
      nowMs,
      wallMs: nowMs,
      timers: { idle: new TimerWheel(this.clock, 500) },
      prng,
      faults: new CallbackFaults(this.registry, silentLogger),
      createConnection: (codec, _socket, owner) => {
        const connection = new FakeConnection(codec, owner, this.streamsMax);
        this.connections.push(connection);
        return connection;
      },
      http: config.http,
      rawAlpn: config.tls?.alpnProtocols ?? [],
    });
    this.cluster.setEndpoints([this.endpoint]);
  }

  /** Requests of one client, newest last. Those that a limit turned away have no failure and no connection. */
  request(count = 1, isHttp2 = true): readonly FakeRequest[] {
    return Array.from({ length: count }, () => {
      const request = new FakeRequest();
      this.endpoint.acquire(request, this.nowMs, isHttp2);
      return request;
    });
  }

  /** Answers the oldest dial. */
  connect(
    alpn = "",
    peerNotAfterMs = Number.POSITIVE_INFINITY,
    peerPrincipal = "",
  ): FakeConnection {
    const socket = new Socket();
    this.#answerDial({ kind: "connected", socket, alpn, peerNotAfterMs, peerPrincipal });
    return this.connections.at(-1)!;
  }

  /** The same for a dial that makes no HTTP connection. */
  acceptRaw(): void {
    this.#answerDial({
      kind: "connected",
      socket: new Socket(),
      alpn: "",
      peerNotAfterMs: Number.POSITIVE_INFINITY,
      peerPrincipal: "",
    });
  }

  failDial(): void {
    this.#answerDial({ kind: "connect-failed", reason: "refused" });
  }

  /** Requests on each connection that was ever made. */
  get loads(): readonly number[] {
    return this.connections.map(({ requests }) => requests.length);
  }

  #onDial(dial: FakeDial): PendingDial {
    this.dials.push(dial);
    return { abort: () => this.dials.splice(this.dials.indexOf(dial), 1) };
  }

  #answerDial(result: DialResult): void {
    const dial = this.dials.shift() ?? assert.fail("nothing is dialled");
    dial.onResult(result);
  }
}

/** Until what was put off to the next turn of the event loop has happened. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
