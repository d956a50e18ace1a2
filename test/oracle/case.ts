/**
 * What one case of the corpus is: which configuration, which bytes a client sends, and how the upstream
 * behaves. Plain data, so that a new case is one more line in a table under `corpus/`.
 */

/** What an upstream does with one request. */
export interface UpstreamAnswer {
  /** Written as soon as the head of the request is there. Bytes as Latin-1. */
  readonly onHead?: string;
  /**
   * Written when all of the request is there; each item is a write of its own. `{label}` becomes the name of the
   * upstream. Nothing: the upstream is silent.
   */
  readonly write: readonly string[];
  /** What becomes of the connection afterwards. Default: `keep`. */
  readonly ending?: "keep" | "end" | "reset";
}

/** What the client does, in order. */
export type Step =
  | { readonly send: string | Buffer }
  /** Waits for an interim (1xx) or a complete final response, or the end of the connection. */
  | { readonly await: "interim" | "response" }
  /** Waits until this many requests have reached an upstream as far as their head. */
  | { readonly awaitUpstream: number }
  /** Ends the client's side of the connection. */
  | { readonly end: true };

export interface OracleCase {
  /** `paths/exact`: unique, and what `differences.ts` calls the case by. */
  readonly id: string;
  /** `STATIC`, or the path of a mesh file: `examples/shop.yaml`. */
  readonly config: string;
  /** A listener of the static bootstrap, or `catalog:80`, or `inbound` for the app's own side. */
  readonly listener: string;
  readonly steps: readonly Step[];
  /** One for each request that reaches an upstream; the last one repeats. Default: `HELLO`. */
  readonly answers?: readonly UpstreamAnswer[];
  /** Methods of the requests that are answered, for reading the responses. Default: of the first bytes. */
  readonly methods?: readonly string[];
  /** Requests that upstreams are to receive before the case is over, mirrors included. Default: 0. */
  readonly received?: number;
  /**
   * The request is given up while it may be on its way. What upstreams see of it is left to chance, and not
   * compared.
   */
  readonly isAbandoned?: boolean;
  /** Whether a second request may follow to see if the connection lives. Default: true. */
  readonly probes?: boolean;
  /** The SPIFFE ID that the client proves, for listeners with TLS; `none` for TLS without a certificate. */
  readonly client?: string;
}

/** The configuration of cases that need no control plane. */
export const STATIC = "static";

/** The answer where a case gives none. */
export const HELLO: UpstreamAnswer = {
  write: ["HTTP/1.1 200 OK\r\nx-upstream: {label}\r\ncontent-length: 6\r\n\r\nhello\n"],
};

export interface RequestParts {
  readonly method?: string;
  readonly host?: string;
  /** Header lines without line ends. */
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly version?: string;
}

/** A well-formed request. The name of the case travels along, so that access logs can be compared. */
export function request(target: string, parts: RequestParts = {}): string {
  const { method = "GET", host = "shop.example", headers = [], body, version = "HTTP/1.1" } = parts;
  const length = body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const lines = [`${method} ${target} ${version}`, `host: ${host}`, "x-case: {case}", ...headers];
  return `${[...lines, ...length].join("\r\n")}\r\n\r\n${body ?? ""}`;
}
