/**
 * Which filter chain a connection goes to, by Envoy's rule: destination port, server name, transport
 * protocol, application protocol, in this order, the most specific value of each first. A step that has
 * found a value is never taken back, so a chain that fits worse cannot catch what a better one leaves.
 */
import type { ChainMatch, TransportProtocol } from "./config/filter-chain-match.ts";

export interface ConnectionTraits {
  readonly destinationPort: number;
  /** Lower case, "" when the client named none. */
  readonly serverName: string;
  readonly transportProtocol: TransportProtocol;
  /** What the client offers, in its order. */
  readonly applicationProtocols: readonly string[];
}

type ByApplication = Map<string, number>;
type ByTransport = Map<string, ByApplication>;
type ByServerName = Map<string, ByTransport>;

const ANY = "";
const ANY_PORT = 0;

export class FilterChainTable {
  readonly #ports = new Map<number, ByServerName>();

  /** Returns the index of a chain that has one of the same places, and leaves it there. */
  add(match: ChainMatch, index: number): number | undefined {
    const byName = getOrMake(this.#ports, match.destinationPort, newByServerName);
    for (const name of orAny(match.serverNames)) {
      const byTransport = getOrMake(byName, name, newByTransport);
      const byApplication = getOrMake(byTransport, match.transportProtocol, newByApplication);
      for (const protocol of orAny(match.applicationProtocols)) {
        const other = byApplication.get(protocol);
        if (other !== undefined) return other;
        byApplication.set(protocol, index);
      }
    }
    return undefined;
  }

  /** The index of the chain, or undefined when only the default chain is left. */
  find(traits: ConnectionTraits): number | undefined {
    const byName = this.#ports.get(traits.destinationPort) ?? this.#ports.get(ANY_PORT);
    if (byName === undefined) return undefined;
    const byTransport = findByServerName(byName, traits.serverName);
    const byApplication = byTransport?.get(traits.transportProtocol) ?? byTransport?.get(ANY);
    if (byApplication === undefined) return undefined;
    for (const protocol of traits.applicationProtocols) {
      const index = byApplication.get(protocol);
      if (index !== undefined) return index;
    }
    return byApplication.get(ANY);
  }
}

/** The name itself, then its suffixes from the longest on, then chains for every name. */
function findByServerName(byName: ByServerName, serverName: string): ByTransport | undefined {
  const exact = serverName === "" ? undefined : byName.get(serverName);
  if (exact !== undefined) return exact;
  for (let dot = serverName.indexOf("."); dot >= 0; dot = serverName.indexOf(".", dot + 1)) {
    const suffix = byName.get(`*${serverName.slice(dot)}`);
    if (suffix !== undefined) return suffix;
  }
  return byName.get(ANY);
}

function orAny(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [ANY] : values;
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function newByServerName(): ByServerName {
  return new Map();
}

function newByTransport(): ByTransport {
  return new Map();
}

function newByApplication(): ByApplication {
  return new Map();
}
