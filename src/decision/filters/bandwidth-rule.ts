/** Envoy's bandwidth limit, compiled: how many bytes of requests, responses or both may pass in a second. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  BandwidthLimitSchema,
  BandwidthLimit_EnableMode as Mode,
} from "../../gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import type { FieldError } from "../field-error.ts";

export interface BandwidthRule {
  readonly kind: "bandwidth";
  /** `stat_prefix`: for whom figures are told. */
  readonly policy: string;
  /** Of all bodies together; 0 for no limit. */
  readonly bytesPerSecond: number;
  readonly limitsRequests: boolean;
  readonly limitsResponses: boolean;
}

const KIBIBYTE = 1024;

/** Undefined for other messages. */
export function compileBandwidth(
  config: Any,
  path: string,
  errors: FieldError[],
  isForRoute: boolean,
): BandwidthRule | undefined {
  const message = anyUnpack(config, BandwidthLimitSchema);
  if (message === undefined) return undefined;
  const { statPrefix, enableMode, limitKbps } = message;
  if (statPrefix === "") errors.push({ path: `${path}.stat_prefix`, message: "is required" });
  const kibibytes = Number(limitKbps ?? 0n);
  const isOn = enableMode !== Mode.DISABLED;
  if (limitKbps === undefined ? isForRoute || isOn : kibibytes < 1) {
    errors.push({ path: `${path}.limit_kbps`, message: "must be at least 1" });
  }
  return {
    kind: "bandwidth",
    policy: statPrefix,
    bytesPerSecond: isOn ? kibibytes * KIBIBYTE : 0,
    limitsRequests: enableMode === Mode.REQUEST || enableMode === Mode.REQUEST_AND_RESPONSE,
    limitsResponses: enableMode === Mode.RESPONSE || enableMode === Mode.REQUEST_AND_RESPONSE,
  };
}
