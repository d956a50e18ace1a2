/** What policies say of metrics, in a listener's metadata: Envoy has no field for it, and passes over it. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { ListenerSide } from "./listener-telemetry.ts";
import type { EffectiveTelemetry } from "./telemetry-index.ts";

/** `tulle.metrics`; undefined where nobody says anything. */
export function metricsMetadata(
  { overrides, compatibility }: EffectiveTelemetry["metrics"],
  side: ListenerSide,
): JsonObject | undefined {
  const told = (overrides?.value ?? [])
    .filter(({ match: { mode } }) => mode === "CLIENT_AND_SERVER" || mode === side)
    .map(({ match, disabled, tagOverrides = {} }) => ({
      metric: match.metric,
      ...(disabled === undefined ? {} : { disabled }),
      tags: Object.fromEntries(
        Object.entries(tagOverrides).map(([name, tag]) => [name, tag.value ?? null]),
      ),
    }));
  const names = [...(compatibility?.value ?? [])];
  if (told.length === 0 && names.length === 0) return undefined;
  return { overrides: told, compatibility: names };
}
