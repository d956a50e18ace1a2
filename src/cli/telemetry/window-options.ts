/** The window of time that the commands about traffic look at, and the services that they are about. */
import { instantOf } from "../audit/audit-options.ts";
import type { CommandInput, OptionSpec } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import type { TelemetryQuery } from "./telemetry-client.ts";

export const WINDOW_OPTIONS: readonly OptionSpec[] = [
  { name: "since", value: "TIME", default: "15m", summary: "From then on: 30m ago, or ISO 8601" },
  { name: "until", value: "TIME", summary: "Up to then; default: now" },
];

/** Namespaces are all, unless `-n` was given. */
export function windowQuery(context: CliContext, input: CommandInput): TelemetryQuery {
  const { namespace, isNamespaceGiven } = context.globals;
  const from = instantOf(context, input, "since");
  const to = instantOf(context, input, "until");
  if (from !== undefined && to !== undefined && from >= to) {
    throw usageError("--until must be later than --since");
  }
  return { from, to, namespace: isNamespaceGiven ? namespace : undefined };
}

/** `NAMESPACE/NAME`, or a name in the namespace of `-n`. */
export function serviceQuery(context: CliContext, text: string | undefined): TelemetryQuery {
  if (text === undefined) return {};
  const { namespace, name } = serviceOf(context, text);
  return { namespace, service: name };
}

/** `namespace/name` for a query that takes both in one. */
export function qualified(context: CliContext, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const { namespace, name } = serviceOf(context, text);
  return `${namespace}/${name}`;
}

export function serviceOf(
  context: CliContext,
  text: string,
): { readonly namespace: string; readonly name: string } {
  const [first = "", second, ...more] = text.split("/");
  if (more.length > 0 || first === "" || second === "") {
    throw usageError(`"${text}" names no service`, "write NAME or NAMESPACE/NAME");
  }
  return second === undefined
    ? { namespace: context.globals.namespace, name: first }
    : { namespace: first, name: second };
}
