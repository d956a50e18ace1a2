/**
 * Whose `x-envoy-*` fields a listener obeys: requests from addresses of its own network, Envoy's internal requests.
 * Nobody's, where nothing is said.
 */
import { BlockList, isIP } from "node:net";
import type { FieldError } from "../../decision/field-error.ts";
import type { HttpConnectionManager_InternalAddressConfig } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { HEADER } from "../../http/header-name.ts";

const INTERNAL = new HeaderField(new HeaderName("x-envoy-internal"), "true");
/** What Envoy takes away from requests from outside. */
const INTERNAL_ONLY = [
  "x-envoy-retriable-status-codes",
  "x-envoy-retriable-header-names",
  "x-envoy-retry-on",
  "x-envoy-retry-grpc-on",
  "x-envoy-max-retries",
  "x-envoy-upstream-alt-stat-name",
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-upstream-rq-timeout-alt-response",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-force-trace",
  "x-envoy-ip-tags",
  "x-envoy-original-url",
  "x-envoy-hedge-on-per-try-timeout",
].map((name) => new HeaderName(name));

export class InternalAddresses {
  readonly #ranges: BlockList;
  readonly #isEdge: boolean;

  /** `isEdge`: it is the connection that tells the address (`use_remote_address`). */
  constructor(ranges: BlockList, isEdge: boolean) {
    this.#ranges = ranges;
    this.#isEdge = isEdge;
  }

  /** Whether a request is internal, which it is told. Of others it takes away what only internal ones may ask for. */
  judge(headers: HeaderBlock, remoteAddress: string): boolean {
    const isInternal = this.#includes(headers, remoteAddress);
    if (isInternal) {
      headers.set(INTERNAL);
      return true;
    }
    headers.remove(INTERNAL.name);
    for (const name of INTERNAL_ONLY) headers.remove(name);
    return false;
  }

  /**
   * Whether a request is internal: at the edge, by the address of a client that nobody forwards for; elsewhere, by the
   * one address that the edge has written down. To be asked before anything is added to `x-forwarded-for`.
   */
  #includes(headers: HeaderBlock, remoteAddress: string): boolean {
    const at = headers.indexOf(HEADER["x-forwarded-for"]);
    if (this.#isEdge) return at < 0 && this.#hasAddress(remoteAddress);
    if (at < 0) return false;
    const address = headers.get("x-forwarded-for")!.trim();
    return this.#hasAddress(address);
  }

  #hasAddress(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#ranges.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}

/** Undefined where no address is internal. */
export function compileInternalAddresses(
  config: HttpConnectionManager_InternalAddressConfig | undefined,
  isEdge: boolean,
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
  return new InternalAddresses(ranges, isEdge);
}
