/**
 * Which addresses the control plane fetches from at the word of an object: whoever may write one must not reach, through
 * it, what only this machine reaches. Loopback, link-local and the metadata services of clouds are closed (GHSA-fgw5-hp8f-xfhc).
 */
import { BlockList, isIPv4 } from "node:net";

const CLOSED: readonly (readonly [network: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  // Alibaba Cloud's metadata.
  ["100.100.100.200", 32],
  ["224.0.0.0", 4],
  ["255.255.255.255", 32],
  ["::", 128],
  ["::1", 128],
  ["fe80::", 10],
  // AWS's metadata.
  ["fd00:ec2::254", 128],
  ["ff00::", 8],
];

export class EgressGuard {
  readonly #closed = new BlockList();
  readonly #open = new BlockList();

  /** `allowed`: networks that are open all the same, as `127.0.0.0/8` or a single address. */
  constructor(allowed: readonly string[]) {
    for (const [network, bits] of CLOSED) this.#closed.addSubnet(network, bits, familyOf(network));
    for (const text of allowed) {
      const [network = "", bits] = text.split("/");
      const family = familyOf(network);
      this.#open.addSubnet(network, bits === undefined ? bitsOf(family) : Number(bits), family);
    }
  }

  /** `address`: an IP literal. An IPv4 address in IPv6's clothes is judged as what it is. */
  allows(address: string): boolean {
    const plain = plainAddress(address);
    const family = familyOf(plain);
    return this.#open.check(plain, family) || !this.#closed.check(plain, family);
  }
}

function plainAddress(address: string): string {
  const unzoned = address.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(unzoned)?.[1];
  return mapped ?? unzoned;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

function bitsOf(family: "ipv4" | "ipv6"): number {
  return family === "ipv4" ? 32 : 128;
}
