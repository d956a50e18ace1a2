/**
 * T27 (CVE-2025-23419, RFC 9110 section 7.4): a connection that was made for one host carries no requests for another
 * one that proves itself otherwise, or lets other peers in. Hosts with the same certificates and the same trust share
 * connections as RFC 9113 section 9.1.1 has it.
 */
import { canonicalHost } from "../http/authority.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import type { HostCheck } from "./downstream-connection.ts";

export class ServedHosts {
  readonly #config: ListenerConfig;
  /** By the index of their chains: what is proven, and by whom. "" for chains without TLS. */
  readonly #identities: readonly string[];

  constructor(config: ListenerConfig, identities: readonly string[]) {
    this.#config = config;
    this.#identities = identities;
  }

  /** For a connection that got the chain of this index. */
  checkFor(chain: number, destinationPort: number): HostCheck {
    return new ConnectionHosts(this, chain, destinationPort);
  }

  isServedBy(chain: number, host: string, destinationPort: number): boolean {
    const { table, defaultChain } = this.#config;
    const other = table.find({
      ...{ destinationPort, serverName: host, transportProtocol: "tls", applicationProtocols: [] },
    });
    return this.#identities[other ?? defaultChain] === this.#identities[chain];
  }
}

/** Of one connection: most of them carry requests for one authority, which is judged once. */
export class ConnectionHosts implements HostCheck {
  readonly #hosts: ServedHosts;
  readonly #chain: number;
  readonly #destinationPort: number;
  #accepted: string | undefined;

  constructor(hosts: ServedHosts, chain: number, destinationPort: number) {
    this.#hosts = hosts;
    this.#chain = chain;
    this.#destinationPort = destinationPort;
  }

  accepts(authority: string): boolean {
    if (authority === this.#accepted) return true;
    const host = canonicalHost(authority);
    if (!this.#hosts.isServedBy(this.#chain, host, this.#destinationPort)) return false;
    this.#accepted = authority;
    return true;
  }
}

/** Undefined where all hosts of a listener prove themselves alike: then there is nothing to check. */
export function servedHosts(config: ListenerConfig): ServedHosts | undefined {
  const { chains } = config;
  if (chains.every(({ match }) => match.serverNames.length === 0)) return undefined;
  const identities = chains.map(({ tls }) =>
    tls === undefined
      ? ""
      : JSON.stringify([
          tls.certificate,
          tls.validation,
          tls.subjectNames,
          tls.requiresClientCertificate,
        ]),
  );
  const isVaried = new Set(identities.filter((identity) => identity !== "")).size > 1;
  return isVaried ? new ServedHosts(config, identities) : undefined;
}
