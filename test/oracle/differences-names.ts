/** Name queries that are answered otherwise than by Envoy's DNS filter. */
import type { Difference } from "./difference.ts";

export const NAMES: readonly Difference[] = [
  {
    id: "name queries by TCP",
    envoy: "A UDP listener takes datagrams only.",
    tulle:
      "Listens for TCP on the same port, and says when an answer does not fit into a datagram.",
    reason: "RFC 7766 asks for it, and a headless service has many addresses.",
    seen: [],
  },
  {
    id: "names without an address of a kind",
    envoy:
      "Asks other name servers for the IPv6 address of a name that has only one of IPv4 in its table, and for all but addresses gives no answer.",
    tulle:
      "Gives an empty answer with an SOA record (RFC 2308) where the name is in the table; passes queries of every type on where it is not.",
    reason: "Names of the mesh are nobody else's business, and apps ask for MX, TXT and HTTPS too.",
    seen: [],
  },
  {
    id: "`known_suffixes`",
    envoy: "Deprecated; has no effect.",
    tulle: "Names below such a suffix are known in the table or nowhere (NXDOMAIN).",
    reason: "A typo in a name of the mesh would travel to the name servers of the provider.",
    seen: [],
  },
  {
    id: "SRV by the name of a service",
    envoy: "Answers `_port._tcp.name` only.",
    tulle: "Answers the name itself too, with all of its ports.",
    reason: "Kubernetes' name servers do, and clients of headless services use it.",
    seen: [],
  },
];
