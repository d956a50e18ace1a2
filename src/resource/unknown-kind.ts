/** Says why `apiVersion` and `kind` of a document name no kind, and which was probably meant. */
import { nearestName } from "./nearest-name.ts";
import type { Registry } from "./registry.ts";
import { describeValue, type PathedViolation } from "./zod-violations.ts";

type Unplaced = Omit<PathedViolation, "path">;

/** At least one violation; `find` of the registry must have failed for the pair. */
export function unknownKind(
  typeMeta: { readonly apiVersion: unknown; readonly kind: unknown },
  registry: Registry,
): readonly Unplaced[] {
  const { apiVersion, kind } = typeMeta;
  const malformed = [
    ...notAString("apiVersion", apiVersion, "an API version like v1 or mesh.tulle.dev/v1"),
    ...notAString("kind", kind, listOf(registry)),
  ];
  if (typeof apiVersion !== "string" || typeof kind !== "string") return malformed;
  const sameKind = registry.kinds.find((known) => known.kind === kind);
  if (sameKind !== undefined) return [wrongApiVersion(apiVersion, sameKind)];
  const suggestion = nearestName(
    kind,
    registry.kinds.map((known) => known.kind),
  );
  const allowed = listOf(registry);
  const hint = suggestion === undefined ? `known are ${allowed}` : `did you mean ${suggestion}?`;
  return [
    {
      segments: ["kind"],
      at: "value",
      code: "unknown-kind",
      found: `${apiVersion} ${kind}`,
      allowed,
      ...(suggestion === undefined ? {} : { suggestion }),
      message: `there is no kind ${kind} in ${apiVersion}; ${hint}`,
    },
  ];
}

function wrongApiVersion(
  apiVersion: string,
  known: { readonly apiVersion: string; readonly kind: string },
): Unplaced {
  return {
    segments: ["apiVersion"],
    at: "value",
    code: "unknown-kind",
    found: apiVersion,
    allowed: known.apiVersion,
    suggestion: known.apiVersion,
    message: `is ${apiVersion}; ${known.kind} is read in ${known.apiVersion} only`,
  };
}

function notAString(field: string, value: unknown, allowed: string): readonly Unplaced[] {
  if (typeof value === "string") return [];
  const base = { segments: [field], at: "value", allowed } as const;
  if (value === undefined) {
    return [{ ...base, code: "missing-field", message: `is missing; needed is ${allowed}` }];
  }
  const found = describeValue(value);
  return [{ ...base, code: "wrong-type", found, message: `is ${found}; needed is ${allowed}` }];
}

function listOf(registry: Registry): string {
  return registry.kinds.map((known) => `${known.kind} (${known.apiVersion})`).join(", ");
}
