/** Services whose apps lose the context of traces, by what their sidecars count. A hint: an app's own timer may call, too. */
import type { InstanceFigures } from "../telemetry/store/instance-figures.ts";
import type { ServiceRef } from "../telemetry-types.ts";

/** Calls without context, of all that an app makes while it serves, that are no accident. */
const LOST_SHARE = 0.1;
const LOST_MIN = 10;

type PropagationFigures = Pick<
  InstanceFigures,
  "namespace" | "service" | "contextPassedOn" | "contextLost"
>;

export const PROPAGATION_HINT =
  "let it copy traceparent and tracestate from each request to the calls that it makes; a Node app does with `propagate: true` in mesh.yaml or `tulle run --propagate`";

/** `cart does not pass on the context of traces, so that they end there`. */
export function propagationMessage({ name }: ServiceRef): string {
  return `${name} does not pass on the context of traces, so that they end there`;
}

export function servicesThatLoseContext(
  figures: Iterable<PropagationFigures>,
): readonly ServiceRef[] {
  const services = new Map<string, { ref: ServiceRef; lost: number; all: number }>();
  for (const { namespace, service: name, contextPassedOn, contextLost } of figures) {
    const key = `${namespace}/${name}`;
    const known = services.get(key) ?? { ref: { namespace, name }, lost: 0, all: 0 };
    services.set(key, known);
    known.lost += contextLost ?? 0;
    known.all += (contextLost ?? 0) + (contextPassedOn ?? 0);
  }
  return [...services.values()]
    .filter(({ lost, all }) => lost >= LOST_MIN && lost >= all * LOST_SHARE)
    .map(({ ref }) => ref);
}
