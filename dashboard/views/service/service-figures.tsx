/** Every figure of the service in a strip, each with its line. */
import type { ServiceTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { formatCount } from "../../core/format.ts";
import { Sparkline } from "../../ui/sparkline.tsx";
import { type Figure, RESOURCE_FIGURES, TRAFFIC_FIGURES } from "../services/figures.ts";

export function ServiceFigures({ service }: { readonly service: ServiceTraffic }) {
  const { instances } = service;
  return (
    <dl class="strip" aria-label="Figures">
      {[...TRAFFIC_FIGURES, ...RESOURCE_FIGURES].map((figure) => (
        <StripFigure key={figure.key} {...{ figure, service }} />
      ))}
      <div>
        <dt>Instances</dt>
        <dd class={instances.healthy < instances.total ? "tone-warn" : ""}>
          {formatCount(instances.healthy)}/{formatCount(instances.total)}
        </dd>
      </div>
    </dl>
  );
}

function StripFigure({
  figure,
  service,
}: {
  readonly figure: Figure;
  readonly service: ServiceTraffic;
}) {
  const value = figure.value(service);
  const tone = figure.tone?.(value);
  const spark = figure.spark?.(service);
  return (
    <div>
      <dt title={figure.hint}>{figure.title}</dt>
      <dd class={tone === undefined ? "" : `tone-${tone}`}>
        <span>{figure.format(value)}</span>
        {spark !== undefined && <Sparkline {...spark} />}
      </dd>
    </div>
  );
}
