/** What records a command asks for: options that `audit tail` and `audit search` share. */
import type { CommandInput, OptionSpec } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";

const KINDS = [
  "change",
  "action",
  "access-denied",
  "authentication-failed",
  "certificate-issued",
  "certificate-refused",
  "revocations-changed",
  "policy-denied",
  "security-event",
  "log",
];

export const AUDIT_FILTERS: readonly OptionSpec[] = [
  {
    name: "kind",
    value: "KIND",
    choices: KINDS,
    summary: "Only records of this kind",
    completion: { kind: "words", words: KINDS },
  },
  { name: "actor", value: "TEXT", summary: "Only of actors whose name holds this" },
  {
    name: "object",
    value: "OBJECT",
    summary: "Only about this object: Kind, Kind/name or Kind/namespace/name",
  },
];

export type AuditFilter = Readonly<Record<string, string | undefined>>;

export function filterOf(input: CommandInput): AuditFilter {
  return {
    kind: input.optionalString("kind"),
    actor: input.optionalString("actor"),
    object: input.optionalString("object"),
  };
}

/** `1h` ago, or an instant as ISO 8601. */
export function instantOf(
  context: CliContext,
  input: CommandInput,
  option: string,
): string | undefined {
  const text = input.optionalString(option);
  if (text === undefined) return undefined;
  if (/^\d+(ms|s|m|h)/.test(text)) {
    return new Date(context.clock.nowMs() - input.durationMs(option)).toISOString();
  }
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return new Date(timeMs).toISOString();
  throw usageError(`--${option}: "${text}" is no time`, "write 1h, or 2026-11-26T08:00:00Z");
}
