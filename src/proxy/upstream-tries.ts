/**
 * The upstream side of one exchange: its share of the cluster's limits, and for each try the endpoint,
 * the wait for a connection, and the stream. Used again for each request of its exchange.
 */
import type { Cluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { PickContext } from "./pick-context.ts";
import type { ClientStream, ClientStreamHandler } from "./stream.ts";

export type ConnectOutcome = "asked" | "no-endpoint" | "overflow";

export class UpstreamTries {
  readonly #clusters: ReadonlyMap<string, Cluster>;
  readonly #handler: ClientStreamHandler;
  readonly #pick: PickContext;
  #isHttp2 = false;
  /** Where the request and its retries are counted: the cluster as it was when the request came. */
  #cluster: Cluster | undefined;
  /** In the endpoint's queue for a connection. */
  #isWaiting = false;
  #isRetried = false;
  count = 0;
  endpoint: Endpoint | undefined;
  stream: ClientStream | undefined;

  /** `clusters` are those of the proxy by name, as they are at each time. `pick` is the request's. */
  constructor(
    clusters: ReadonlyMap<string, Cluster>,
    handler: ClientStreamHandler,
    pick: PickContext,
  ) {
    this.#clusters = clusters;
    this.#handler = handler;
    this.#pick = pick;
  }

  /** For the next request. `isHttp2`: what its client speaks, for clusters that speak the same. */
  reset(isHttp2: boolean): void {
    this.#isHttp2 = isHttp2;
    this.endpoint = undefined;
    this.count = 0;
  }

  /** Takes a place among the cluster's requests, until `end`. Returns false when there is none. */
  begin(cluster: Cluster): boolean {
    if (!cluster.admitRequest()) return false;
    this.#cluster = cluster;
    return true;
  }

  /** Picks an endpoint and asks it for a connection: the handler gets a stream or a failure. */
  connect(nowMs: number): ConnectOutcome {
    const counted = this.#cluster!;
    // A later try uses the cluster as it is by now.
    const cluster = this.count === 0 ? counted : (this.#clusters.get(counted.name) ?? counted);
    const endpoint = cluster.pick(this.#pick);
    if (endpoint === undefined) return "no-endpoint";
    this.endpoint = endpoint;
    this.count += 1;
    this.#isWaiting = true;
    if (endpoint.acquire(this.#handler, nowMs, this.#isHttp2)) return "asked";
    this.#isWaiting = false;
    return "overflow";
  }

  /** For the handler's `onStreamReady`. */
  onReady(stream: ClientStream): void {
    this.#isWaiting = false;
    this.stream = stream;
    this.endpoint!.onRequestStart();
  }

  /** The current try is over, and its endpoint is avoided by the next. */
  onFailed(): void {
    this.#isWaiting = false;
    if (this.endpoint !== undefined) this.#pick.avoid(this.endpoint);
    this.leaveStream();
  }

  /** Whether the next try has an endpoint to choose other than the one that failed. */
  get hasOtherEndpoint(): boolean {
    return this.#cluster !== undefined && this.#cluster.eligible.length > 1;
  }

  /** Takes a place among the cluster's retries, until `end`. */
  admitRetry(): boolean {
    const cluster = this.#cluster!;
    this.#isRetried ||= cluster.admitRetry();
    if (this.#isRetried) cluster.counts.retries += 1;
    return this.#isRetried;
  }

  /** The stream has ended by itself, or somebody else ends it. */
  leaveStream(): void {
    if (this.stream === undefined) return;
    this.stream = undefined;
    this.endpoint!.onRequestEnd();
  }

  /** Ends whatever the current try has got to. The handler is told nothing. */
  giveUp(): void {
    if (this.endpoint !== undefined) this.#pick.avoid(this.endpoint);
    if (this.#isWaiting) {
      this.#isWaiting = false;
      this.endpoint?.cancel(this.#handler);
    }
    const stream = this.stream;
    this.leaveStream();
    stream?.reset();
  }

  /** Gives back what `begin` took. Does nothing when it took nothing. */
  end(): void {
    const cluster = this.#cluster;
    if (cluster === undefined) return;
    this.#cluster = undefined;
    cluster.releaseRequest();
    if (this.#isRetried) cluster.releaseRetry();
    this.#isRetried = false;
  }
}
