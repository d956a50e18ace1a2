/**
 * Whose `x-envoy-*` fields a listener obeys: requests from addresses of its own network, Envoy's internal requests.
 * Nobody's, where nothing is said.
 */
import { BlockList, isIP } from "node:net";
import type { FieldError } from "../../decision/field-error.ts";
import type { HttpConnectionManager_InternalAddressConfig } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";

export class InternalAddresses {
  readonly #ranges: BlockList;

  constructor(ranges: BlockList) {
    this.#ranges = ranges;
  }

  /** Whether a request that no other proxy has forwarded is internal by the address that it comes from. */
  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#ranges.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}

/** Undefined where no address is internal. */
export function compileInternalAddresses(
  config: HttpConnectionManager_InternalAddressConfig | undefined,
  path: string,
  errors: FieldError[],
): InternalAddresses | undefined {
  if (config === undefined || config.cidrRanges.length === 0) return undefined;
  const ranges = new BlockList();
  for (const [index, { addressPrefix, prefixLen }] of config.cidrRanges.entries()) {
    const at = `${path}.cidr_ranges[${index}]`;
    const family = isIP(addressPrefix);
    if (family === 0) {
      const message = `${JSON.stringify(addressPrefix)} is no IP address`;
      errors.push({ path: `${at}.address_prefix`, message });
      continue;
    }
    const bits = family === 6 ? 128 : 32;
    const length = prefixLen ?? 0;
    if (length > bits) {
      errors.push({ path: `${at}.prefix_len`, message: `${length} is not from 0 to ${bits}` });
      continue;
    }
    ranges.addSubnet(addressPrefix, length, family === 6 ? "ipv6" : "ipv4");
  }
  return new InternalAddresses(ranges);
}
