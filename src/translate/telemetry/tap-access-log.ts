/** A tap as access logs of the sidecars that are asked: what is wanted, which headers, at most how many a second. */
import { create } from "@bufbuild/protobuf";
import {
  type AccessLog,
  AccessLogFilterSchema,
} from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { FractionalPercent_DenominatorType } from "../../gen/envoy/type/v3/percent_pb.js";
import type { AccessLogSpec } from "../../resource/kinds/access-log-settings.ts";
import { ACCESS_ATTRIBUTE, TAP_ATTRIBUTE } from "../../telemetry/otlp/access-log-attributes.ts";
import { accessLogFilter, PER_SECOND_KEY } from "./access-log-filter.ts";
import { type ListenerSide, recordsLog } from "./listener-telemetry.ts";

export interface TapSpec {
  readonly id: string;
  /** Request headers to tell. Credentials among them are redacted. */
  readonly headers: readonly string[];
  /** The same of their answers. */
  readonly responseHeaders: readonly string[];
  /** Undefined: all. */
  readonly expression: string | undefined;
  /** Of each sidecar. */
  readonly perSecond: number;
}

export function tapAccessLog(tap: TapSpec, side: ListenerSide): AccessLog {
  const log: AccessLogSpec = {
    ...PLAIN_LOG,
    ...(tap.expression === undefined ? {} : { filter: { expression: tap.expression } }),
    ...(tap.headers.length + tap.responseHeaders.length === 0
      ? {}
      : { capture: { requestHeaders: tap.headers, responseHeaders: tap.responseHeaders } }),
  };
  const chosen = accessLogFilter(log);
  const bounded = create(AccessLogFilterSchema, {
    filterSpecifier: {
      case: "runtimeFilter",
      value: {
        runtimeKey: `${PER_SECOND_KEY}${tap.perSecond}`,
        percentSampled: { numerator: 0, denominator: FractionalPercent_DenominatorType.HUNDRED },
      },
    },
  });
  const written = recordsLog(log, side, [
    [ACCESS_ATTRIBUTE.eventName, TAP_ATTRIBUTE.event],
    [TAP_ATTRIBUTE.id, tap.id],
  ]);
  const filters = chosen === undefined ? [bounded] : [chosen, bounded];
  written.filter =
    filters.length === 1
      ? bounded
      : create(AccessLogFilterSchema, {
          filterSpecifier: { case: "andFilter", value: { filters } },
        });
  return written;
}

const PLAIN_LOG: AccessLogSpec = {
  disabled: false,
  output: "ControlPlane",
  samplingPercentage: 100,
  samplePerSecond: 0,
  match: { mode: "CLIENT_AND_SERVER" },
};
