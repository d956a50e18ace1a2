/** Sampling of one route as Envoy's `Route.tracing`, which goes before that of the listener. */
import { create } from "@bufbuild/protobuf";
import {
  type Tracing,
  TracingSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { FractionalPercent_DenominatorType as Denominator } from "../../gen/envoy/type/v3/percent_pb.js";
import type { RouteSampling } from "../telemetry/route-sampling.ts";
import { customTag } from "./listener-tracing.ts";

/** Ten thousandths of a percent. */
const PARTS_PER_PERCENT = 10_000;

export function routeTracing(sampling: RouteSampling | undefined): Tracing | undefined {
  if (sampling === undefined) return undefined;
  const percent = sampling.sampling.value;
  // A share that is too small to be written is not none.
  const numerator = percent === 0 ? 0 : Math.max(1, Math.round(percent * PARTS_PER_PERCENT));
  return create(TracingSchema, {
    // What is left out is 100 %: `x-client-trace-id` is anybody's to send.
    clientSampling: { numerator: 0, denominator: Denominator.HUNDRED },
    randomSampling: { numerator, denominator: Denominator.MILLION },
    overallSampling: { numerator: 100, denominator: Denominator.HUNDRED },
    customTags: (sampling.tags?.value ?? []).map(customTag),
  });
}
