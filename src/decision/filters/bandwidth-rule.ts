/** Envoy's bandwidth limit, compiled: how many bytes of responses leave in a second. */
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
  /** Of all responses together; 0 for no limit. */
  readonly bytesPerSecond: number;
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
  if (enableMode !== Mode.DISABLED && enableMode !== Mode.RESPONSE) {
    const reason = "only DISABLED and RESPONSE are implemented";
    errors.push({ path: `${path}.enable_mode`, message: reason });
  }
  const kibibytes = Number(limitKbps ?? 0n);
  const isOn = enableMode === Mode.RESPONSE;
  if (limitKbps === undefined ? isForRoute || isOn : kibibytes < 1) {
    errors.push({ path: `${path}.limit_kbps`, message: "must be at least 1" });
  }
  return {
    kind: "bandwidth",
    policy: statPrefix,
    bytesPerSecond: isOn ? kibibytes * KIBIBYTE : 0,
  };
}
