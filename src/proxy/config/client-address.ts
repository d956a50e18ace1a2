/**
 * Who a request comes from: the address of the connection, or one that trusted proxies in front have written into
 * `x-forwarded-for`. How many hops are trusted is said in the configuration, never guessed.
 */
import { isIP } from "node:net";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import type { HttpConnectionManager } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { XffConfigSchema } from "../../gen/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.js";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { HEADER } from "../../http/header-name.ts";

const X_FORWARDED_FOR = new HeaderName("x-forwarded-for");

export class ClientAddressRule {
  /** Clients are strangers (`use_remote_address`). */
  readonly isEdge: boolean;
  /** Addresses at the end of `x-forwarded-for` that proxies of one's own have written. */
  readonly trustedHops: number;
  readonly #appends: boolean;

  constructor(isEdge: boolean, trustedHops: number, appends: boolean) {
    this.isEdge = isEdge;
    this.trustedHops = trustedHops;
    this.#appends = appends;
  }

  /** Of a request on a connection from `peer`. To be asked before anything is added to the field. */
  clientOf(headers: HeaderBlock, peer: string): string {
    if (headers.indexOf(HEADER["x-forwarded-for"]) < 0) return peer;
    // At the edge the connection's own address counts as the last hop.
    const skipped = this.isEdge ? this.trustedHops - 1 : this.trustedHops;
    if (skipped < 0) return peer;
    return addressFromEnd(headers.get("x-forwarded-for")!, skipped) ?? peer;
  }

  /**
   * Whether nobody has forwarded the request before: at the edge, by anything in the field; elsewhere, by more than the
   * one address that the edge has written down. To be asked before anything is added to it.
   */
  isDirect(headers: HeaderBlock): boolean {
    const isForwarded = headers.indexOf(HEADER["x-forwarded-for"]) >= 0;
    if (this.isEdge || !isForwarded) return this.isEdge && !isForwarded;
    return this.trustedHops === 0 && isIP(headers.get("x-forwarded-for")!.trim()) !== 0;
  }

  /** Writes the connection's address down for the hops behind. */
  append(headers: HeaderBlock, peer: string): void {
    if (!this.#appends) return;
    // Without a trusted proxy in front, what is there was made up by the client.
    const before = this.trustedHops === 0 ? undefined : headers.get("x-forwarded-for");
    const value = before === undefined ? peer : `${before},${peer}`;
    headers.set(new HeaderField(X_FORWARDED_FOR, value));
  }
}

/** Undefined where there are not so many addresses, or it is none. */
function addressFromEnd(field: string, skipped: number): string | undefined {
  let end = field.length;
  for (let i = 0; i < skipped; i++) {
    end = field.lastIndexOf(",", end - 1);
    if (end < 0) return undefined;
  }
  const address = field.slice(end === 0 ? 0 : field.lastIndexOf(",", end - 1) + 1, end).trim();
  return isIP(address) === 0 ? undefined : address;
}

export function compileClientAddress(
  manager: HttpConnectionManager,
  path: string,
  errors: FieldError[],
): ClientAddressRule {
  const isEdge = manager.useRemoteAddress ?? false;
  const { xffNumTrustedHops, skipXffAppend, originalIpDetectionExtensions } = manager;
  if (originalIpDetectionExtensions.length === 0) {
    return new ClientAddressRule(isEdge, xffNumTrustedHops, isEdge && !skipXffAppend);
  }
  const at = `${path}.original_ip_detection_extensions`;
  if (isEdge || xffNumTrustedHops > 0) {
    const message = "cannot be combined with use_remote_address or xff_num_trusted_hops";
    errors.push({ path: at, message });
  }
  if (originalIpDetectionExtensions.length > 1) {
    errors.push({ path: at, message: "only one is implemented" });
  }
  const any = originalIpDetectionExtensions[0]?.typedConfig;
  const xff = any === undefined ? undefined : anyUnpack(any, XffConfigSchema);
  if (xff === undefined) {
    errors.push({ path: `${at}[0].typed_config`, message: "must be an XffConfig" });
  }
  return new ClientAddressRule(false, xff?.xffNumTrustedHops ?? 0, false);
}
