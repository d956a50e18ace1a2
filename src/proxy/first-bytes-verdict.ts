/**
 * The listener filters of one connection: what its first bytes say about where it comes from and what it
 * speaks. Pure: bytes in, verdict out.
 */
import { CLIENT_HELLO_FAULTS } from "../net/first-bytes/client-hello-fault.ts";
import { ClientHelloReader } from "../net/first-bytes/client-hello-reader.ts";
import { sniffProtocol } from "../net/first-bytes/protocol-sniffer.ts";
import { PROXY_HEADER_FAULTS, type ProxiedEndpoints } from "../net/first-bytes/proxy-header.ts";
import { readProxyHeader } from "../net/first-bytes/proxy-header-reader.ts";
import type { TransportProtocol } from "./config/filter-chain-match.ts";
import type { Inspection } from "./config/listener-filters.ts";

/** What chains are matched against. */
export interface SpokenProtocol {
  readonly transportProtocol: TransportProtocol;
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
}

export type FirstBytesVerdict =
  | { readonly kind: "need-more" }
  /** `length` bytes were a PROXY header. The rest is the connection: judge it from there. */
  | { readonly kind: "proxied"; readonly length: number; readonly endpoints: ProxiedEndpoints }
  | { readonly kind: "decided"; readonly spoken: SpokenProtocol }
  | { readonly kind: "refused"; readonly code: string; readonly reason: string };

/** A client that says nothing, or nothing that is known. */
export const OPAQUE: SpokenProtocol = {
  transportProtocol: "raw_buffer",
  serverName: "",
  applicationProtocols: [],
};

const NEED_MORE: FirstBytesVerdict = { kind: "need-more" };
const DECIDED_OPAQUE: FirstBytesVerdict = { kind: "decided", spoken: OPAQUE };
/** Envoy's http_inspector names the version; here a chain for either takes both. */
const HTTP1: FirstBytesVerdict = {
  kind: "decided",
  spoken: { ...OPAQUE, applicationProtocols: ["http/1.1", "http/1.0"] },
};
const HTTP2: FirstBytesVerdict = {
  kind: "decided",
  spoken: { ...OPAQUE, applicationProtocols: ["h2c"] },
};

/** For one connection. Each call brings the bytes of the call before and more, but for a PROXY header. */
export class FirstBytesJudge {
  readonly #inspection: Inspection;
  readonly #hello = new ClientHelloReader();
  #awaitsProxyHeader: boolean;
  #mayBeTls: boolean;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
    this.#awaitsProxyHeader = inspection.proxyProtocol !== "none";
    this.#mayBeTls = inspection.readsTls;
  }

  /** Whether the client's own words have not begun: a PROXY header must come from whoever connects. */
  get awaitsProxyHeader(): boolean {
    return this.#awaitsProxyHeader;
  }

  /** `hasEnded`: the client sends no more. */
  judge(bytes: Buffer, hasEnded: boolean): FirstBytesVerdict {
    if (this.#awaitsProxyHeader) {
      const verdict = this.#judgeProxyHeader(bytes, hasEnded);
      if (verdict !== undefined) return verdict;
    }
    if (this.#mayBeTls) {
      const verdict = this.#judgeTls(bytes, hasEnded);
      if (verdict !== undefined) return verdict;
    }
    return this.#inspection.readsHttp ? judgeHttp(bytes, hasEnded) : DECIDED_OPAQUE;
  }

  /** Undefined when the connection goes on without one. */
  #judgeProxyHeader(bytes: Buffer, hasEnded: boolean): FirstBytesVerdict | undefined {
    const verdict = readProxyHeader(bytes, 0, bytes.length);
    switch (verdict.kind) {
      case "need-more":
        if (!hasEnded) return NEED_MORE;
        return refused("proxy-header-missing", "it ended before its PROXY header was complete");
      case "absent":
        if (this.#inspection.proxyProtocol === "required") {
          return refused("proxy-header-missing", "it does not begin with a PROXY header");
        }
        this.#awaitsProxyHeader = false;
        return undefined;
      case "malformed":
        return refused("proxy-header-malformed", PROXY_HEADER_FAULTS[verdict.fault]);
      case "header": {
        const { length, endpoints } = verdict.header;
        this.#awaitsProxyHeader = false;
        return { kind: "proxied", length, endpoints };
      }
    }
  }

  /** Undefined when it is no TLS. */
  #judgeTls(bytes: Buffer, hasEnded: boolean): FirstBytesVerdict | undefined {
    const verdict = this.#hello.read(bytes, 0, bytes.length);
    switch (verdict.kind) {
      case "need-more":
        if (!hasEnded) return NEED_MORE;
        this.#mayBeTls = false;
        return undefined;
      case "not-tls":
        this.#mayBeTls = false;
        return undefined;
      case "malformed":
        return refused("client-hello-malformed", CLIENT_HELLO_FAULTS[verdict.fault]);
      case "hello": {
        const { serverName = "", alpnProtocols } = verdict.hello;
        const spoken: SpokenProtocol = {
          transportProtocol: "tls",
          serverName,
          applicationProtocols: alpnProtocols,
        };
        return { kind: "decided", spoken };
      }
    }
  }
}

function judgeHttp(bytes: Buffer, hasEnded: boolean): FirstBytesVerdict {
  const protocol = sniffProtocol(bytes, 0, bytes.length);
  if (protocol === "http1") return HTTP1;
  if (protocol === "http2") return HTTP2;
  return protocol === "undecided" && !hasEnded ? NEED_MORE : DECIDED_OPAQUE;
}

function refused(code: string, reason: string): FirstBytesVerdict {
  return { kind: "refused", code, reason };
}
