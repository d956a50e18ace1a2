/** What a routing or policy decision may look at. The proxy's exchange is one, so is a test's literal. */

import type { DynamicMetadata } from "./dynamic-metadata.ts";

/** As Envoy's `%PROTOCOL%` writes it. */
export type HttpVersion = "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

export interface RequestView {
  readonly method: string;
  /** Canonical path without query. */
  readonly path: string;
  /** Query without `?`, empty when there is none. */
  readonly query: string;
  /** Authority as received, port included. */
  readonly authority: string;
  /** `http` or `https`. */
  readonly scheme: string;
  /** What the client speaks on its connection, whatever goes upstream. */
  readonly httpVersion: HttpVersion;
  /** What filters have found out: claims of a verified token, for one. Absent until one has. */
  readonly metadata?: DynamicMetadata | undefined;
  /** Who sends it where proxies of one's own stand between: what the trusted hops of `x-forwarded-for` say. Absent, or empty: its connection tells. */
  readonly clientAddress?: string;
  /** All values of a lower-case header name joined by commas, or undefined. */
  header(lowerName: string): string | undefined;
  /** The values of a lower-case header name one by one, in order. */
  headerValues(lowerName: string): readonly string[];
}
