/**
 * The request of an exchange as routes see it, and what they make of it: canonical path, target and authority
 * for the upstream. Used again for each request of its exchange.
 */
import type { DynamicMetadata } from "../decision/dynamic-metadata.ts";
import type { HttpVersion, RequestView } from "../decision/request-view.ts";
import type { ForwardAction } from "../decision/route.ts";
import type { VerifiedToken } from "../decision/verified-token.ts";
import type { ClusterChoice } from "../decision/weighted-clusters.ts";
import type { NormalizedPath, PathNormalization } from "../http/path-normalization.ts";
import { withoutParameter, withParameter } from "../http/query-parameters.ts";
import { BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import type { HostRule } from "./config/host-rule.ts";
import type { HttpConfig } from "./http-config.ts";
import { PickContext } from "./pick-context.ts";
import type { RequestOrigin } from "./request-outcome.ts";
import { canonicalPath } from "./request-path.ts";

const NO_PATH: NormalizedPath = { kind: "path", path: "" };

export class RoutedRequest implements RequestView {
  readonly #origin: RequestOrigin;
  /** It is no longer the one in the head's target. */
  #hasNewQuery = false;
  /** Undefined when its bytes were refused. */
  head: RequestHead | undefined;
  /** What its client speaks. */
  isHttp2 = false;
  method = "";
  path = "";
  query = "";
  authority = "";
  /** What is sent upstream as request target. */
  target = "";
  /** What filters have found out about the request: replaced whole, never changed (see `withMetadata`). */
  metadata: DynamicMetadata | undefined;
  /** The user's token, once a filter has verified one. Of several the last. */
  token: VerifiedToken | undefined;
  /** What trusted hops say, once a filter asks; else "". */
  clientAddress = "";
  /** What the choice of its endpoint depends on: filters and the route say so. */
  readonly pick = new PickContext();

  constructor(origin: RequestOrigin) {
    this.#origin = origin;
  }

  get scheme(): string {
    return this.#origin.connection.scheme;
  }

  get httpVersion(): HttpVersion {
    if (this.isHttp2) return "HTTP/2";
    return this.head?.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  header(lowerName: string): string | undefined {
    return this.head?.headers.get(lowerName);
  }

  headerValues(lowerName: string): readonly string[] {
    return this.head?.headers.valuesOf(lowerName) ?? [];
  }

  /** The query with its `?`. */
  get search(): string {
    if (this.#hasNewQuery) return this.query === "" ? "" : `?${this.query}`;
    return this.head!.queryAt < 0 ? "" : `?${this.query}`;
  }

  /** Asks for a tunnel: an Upgrade, or CONNECT. */
  get isForTunnel(): boolean {
    return this.head?.bodyKind === BODY_TUNNEL;
  }

  /** For the next request. */
  begin(head: RequestHead | undefined): void {
    this.head = head;
    this.isHttp2 = this.#origin.connection.isHttp2;
    this.method = head?.method ?? "";
    this.authority = head?.authority ?? "";
    this.path = "";
    this.query = "";
    this.target = "";
    this.#hasNewQuery = false;
    this.metadata = undefined;
    this.token = undefined;
    this.clientAddress = "";
    this.pick.reset();
  }

  /**
   * Brings authority, path and query into the form that is judged and forwarded. Only with a path as its result may the
   * request be routed.
   */
  normalize(rules: PathNormalization, hosts: HostRule): NormalizedPath {
    const head = this.head!;
    this.authority = hosts.apply(this.method, this.authority, this.#origin.connection.localPort);
    // RFC 9112 section 3.2.3: the target of CONNECT is an authority.
    if (this.method === "CONNECT") return NO_PATH;
    const normalized = canonicalPath(head, rules);
    if (normalized.kind === "refused") return normalized;
    this.path = normalized.path;
    this.query = head.queryAt < 0 ? "" : head.target.slice(head.queryAt + 1);
    return normalized;
  }

  /** Takes every query parameter of this name out of what goes upstream. */
  removeParameter(name: string): void {
    const query = withoutParameter(this.query, name);
    if (query === this.query) return;
    this.query = query;
    this.#hasNewQuery = true;
  }

  /** Gives a query parameter another value in what goes upstream, or adds it. What would end a value is encoded. */
  setParameter(name: string, value: string): void {
    this.query = withParameter(this.query, name, value);
    this.#hasNewQuery = true;
  }

  /** What the route and its cluster make of target and authority; the upstream is told where `config` says so. */
  rewrite(action: ForwardAction, choice: ClusterChoice, config: HttpConfig): void {
    const head = this.head!;
    const { path, authority } = this;
    this.authority = choice.hostRewrite ?? action.hostRewrite ?? authority;
    const originalHost = action.hostRewrite === undefined ? undefined : authority;
    if (this.method === "CONNECT") {
      this.target = this.authority;
      config.announceRewrite(head.headers, undefined, originalHost);
      return;
    }
    const isUntouched =
      action.rewritePath === undefined && !head.hasSpecialBytes && !this.#hasNewQuery;
    if (action.rewritePath !== undefined) this.path = action.rewritePath(path);
    this.target = isUntouched ? head.target : this.path + this.search;
    const originalPath = action.rewritePath === undefined ? undefined : path + this.search;
    config.announceRewrite(head.headers, originalPath, originalHost);
  }
}
