/** Which requests `tulle logs`, `tulle tap` and `tulle top` are about. */
import type { CommandInput, OptionSpec } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import type { TelemetryQuery } from "./telemetry-client.ts";
import { qualified, serviceQuery } from "./window-options.ts";

const STATUS = /^(?:[1-5]xx|[1-5]\d\d|0)$/;

export const REQUEST_FILTERS: readonly OptionSpec[] = [
  { name: "from", value: "SERVICE", summary: "Only requests of this caller" },
  { name: "to", value: "SERVICE", summary: "Only requests to this service" },
  { name: "method", value: "METHOD", summary: "Only this method" },
  { name: "path", value: "PREFIX", summary: "Only paths that begin so" },
  { name: "status", value: "STATUS", summary: "Only 503, 5xx and the like; 0 for no answer" },
  { name: "flag", value: "FLAG", summary: "Only with this response flag, such as UF" },
  { name: "min-duration", value: "DURATION", summary: "Only requests that took so long" },
];

export function requestFilter(context: CliContext, input: CommandInput): TelemetryQuery {
  const status = input.optionalString("status");
  if (status !== undefined && !STATUS.test(status)) {
    throw usageError(`--status: "${status}" is no status`, "write 503, 5xx, or 0 for no answer");
  }
  return {
    ...serviceQuery(context, input.optionalArgument("SERVICE")),
    source: qualified(context, input.optionalString("from")),
    destination: qualified(context, input.optionalString("to")),
    method: input.optionalString("method"),
    path: input.optionalString("path"),
    status,
    flag: input.optionalString("flag"),
    minDurationMs: input.isSet("min-duration")
      ? String(input.durationMs("min-duration"))
      : undefined,
  };
}
