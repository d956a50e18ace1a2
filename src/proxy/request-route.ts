/**
 * Where the request of an exchange goes: the route that its table has for it, and the cluster that the route chooses,
 * which filters may ask for before it acts. Used again for each request of its exchange.
 */
import type { ForwardAction } from "../decision/route.ts";
import type { RouteMatchResult } from "../decision/route-table.ts";
import type { ClusterChoice } from "../decision/weighted-clusters.ts";
import type { Cluster } from "./cluster.ts";
import { chooseForRequest, directPick } from "./cluster-choice.ts";
import type { HttpServer } from "./http-server.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import { applyRequestMutations } from "./route-mutations.ts";
import type { RoutedRequest } from "./routed-request.ts";
import type { ServerStream } from "./stream.ts";

export class RequestRoute {
  readonly #request: RoutedRequest;
  readonly #downstream: ServerStream;
  readonly #server: HttpServer;
  match: RouteMatchResult | undefined;
  /** Undefined until the request is to be forwarded. */
  action: ForwardAction | undefined;
  choice: ClusterChoice | undefined;

  constructor(request: RoutedRequest, downstream: ServerStream, server: HttpServer) {
    this.#request = request;
    this.#downstream = downstream;
    this.#server = server;
  }

  /** For the next request. */
  begin(): void {
    this.match = undefined;
    this.action = undefined;
    this.choice = undefined;
  }

  /** What the table has for the request as it is now. */
  lookUp(): RouteMatchResult | undefined {
    return this.#server.routeTable?.match(this.#request);
  }

  /** Looks the route up again: a filter has changed what it depends on. */
  lookUpAgain(): void {
    this.choice = undefined;
    this.match = this.lookUp();
  }

  /** The name of the cluster that the matched route chooses for the request, or "". */
  get cluster(): string {
    const action = this.match?.route.action;
    return action?.kind === "forward" ? this.#choose(action).cluster : "";
  }

  /** The request is to be forwarded. Returns undefined where there is no cluster of the name that was chosen. */
  take(action: ForwardAction, outcome: RequestOutcome): Cluster | undefined {
    this.action = action;
    const name = this.#choose(action).cluster;
    outcome.clusterName = name;
    const cluster = this.#server.clusters.get(name);
    outcome.service = cluster?.service;
    return cluster;
  }

  /** What the route that was taken makes of the request: the endpoints it may go to, fields, target, authority. */
  apply(action: ForwardAction, match: RouteMatchResult): void {
    const request = this.#request;
    const choice = this.choice!;
    directPick(action, choice, request, this.#downstream.connection);
    applyRequestMutations(match, choice, request.head!.headers, request.httpVersion);
    request.rewrite(action, choice, this.#server.config);
  }

  #choose(action: ForwardAction): ClusterChoice {
    const server = this.#server;
    this.choice ??= chooseForRequest(
      action,
      this.#request,
      this.#downstream.connection,
      server.prng,
    );
    return this.choice;
  }
}
