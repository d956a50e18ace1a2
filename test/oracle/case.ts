/**
 * What one case of the corpus is: which configuration, which bytes a client sends, and how the upstream
 * behaves. Plain data, so that a new case is one more line in a table under `corpus/`.
 */

import type { Field } from "../support/raw-http2-client.ts";

/** What one side does on a stream of HTTP/2. Bytes are Latin-1. */
export type Act =
  /** A field block: the head, or trailers. */
  | { readonly fields: readonly Field[]; readonly ends?: boolean }
  | { readonly data: string; readonly ends?: boolean }
  /** RST_STREAM with this error code. */
  | { readonly reset: number }
  /** GOAWAY with this error code, for the streams behind this one, or for this one as well. */
  | { readonly goaway: number; readonly refuses?: boolean }
  /** A frame of this type, as it is; on the stream of the act unless it says on which. */
  | {
      readonly frame: number;
      readonly flags?: number;
      readonly payload?: string;
      readonly on?: number;
    }
  /** Of the connection. */
  | { readonly ending: "end" | "reset" };

/** What an upstream does with one request. Texts are HTTP/1.1, which an upstream of HTTP/2 translates; acts are HTTP/2 only. */
export interface UpstreamAnswer {
  /** Written as soon as the head of the request is there. Bytes as Latin-1. */
  readonly onHead?: string | readonly Act[];
  /**
   * Written when all of the request is there; each item is a write of its own. `{label}` becomes the name of the
   * upstream. Nothing: the upstream is silent.
   */
  readonly write: readonly (string | Act)[];
  /** What becomes of the connection afterwards. Default: `keep`. */
  readonly ending?: "keep" | "end" | "reset";
}

/** What the client does, in order. */
export type Step =
  | { readonly send: string | Buffer }
  /** On the stream with this number, from 0; over HTTP/2 only. */
  | { readonly act: Act; readonly stream?: number }
  /** Waits for an interim (1xx) or a complete final response, or the end of the connection. */
  | { readonly await: "interim" | "response" }
  /** Waits until this many requests have reached an upstream as far as their head. */
  | { readonly awaitUpstream: number }
  /** Waits until an upstream of HTTP/2 has seen that its stream was given up. */
  | { readonly awaitUpstreamReset: true }
  /** Ends the client's side of the connection. */
  | { readonly end: true };

/** The version of HTTP on either side of the proxy: 1 or 2. */
export interface Versions {
  readonly downstream: 1 | 2;
  readonly upstream: 1 | 2;
}

export const HTTP1_BOTH: Versions = { downstream: 1, upstream: 1 };

export interface OracleCase {
  /** `paths/exact`: unique, and what `differences.ts` calls the case by. */
  readonly id: string;
  /** `STATIC`, or the path of a mesh file: `examples/shop.yaml`. */
  readonly config: string;
  /** A listener of the static bootstrap, or `catalog:80`, or `inbound` for the app's own side. */
  readonly listener: string;
  /** Default: HTTP/1.1 on both sides. */
  readonly versions?: Versions;
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
  /** Its requests carry its name, and its upstream does nothing unusual: others may be under way meanwhile. */
  readonly isPeaceful?: boolean;
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
