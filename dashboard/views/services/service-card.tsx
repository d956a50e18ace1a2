/** One service as a card: what a row of the table has, where there is no room for a row. */
import type { ServiceTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { memo } from "../../ui/memo.ts";
import { ServiceLink } from "../../ui/page.tsx";
import { Sparkline } from "../../ui/sparkline.tsx";
import { Health } from "../../ui/status.tsx";
import { type Figure, RESOURCE_FIGURES, TRAFFIC_FIGURES } from "./figures.ts";

export const ServiceCard = memo(function ServiceCard({
  service,
}: {
  readonly service: ServiceTraffic;
}) {
  const { healthReason, instances } = service;
  return (
    <article class={`service-card is-${service.health}`}>
      <header>
        <h2>
          <ServiceLink service={service.service} />
        </h2>
        <Health state={service.health} />
      </header>
      {healthReason !== null && <p class="muted">{healthReason}</p>}
      <dl class="card-figures">
        {TRAFFIC_FIGURES.map((figure) => (
          <CardFigure key={figure.key} {...{ figure, service }} />
        ))}
      </dl>
      <dl class="card-figures card-resources">
        <ResourcePair title="CPU" figures={RESOURCE_FIGURES.slice(0, 2)} service={service} />
        <ResourcePair title="Memory" figures={RESOURCE_FIGURES.slice(2)} service={service} />
        <div>
          <dt>Instances</dt>
          <dd>
            {instances.healthy}/{instances.total}
          </dd>
        </div>
      </dl>
    </article>
  );
});

function CardFigure({
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
        {figure.format(value)}
        {spark !== undefined && <Sparkline {...spark} />}
      </dd>
    </div>
  );
}

/** What the apps take and what their sidecars take on top. */
function ResourcePair({
  title,
  figures,
  service,
}: {
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly service: ServiceTraffic;
}) {
  return (
    <div>
      <dt title="Of the apps of all instances, and of their sidecars">{title}, app + sidecar</dt>
      <dd>{figures.map((figure) => figure.format(figure.value(service))).join(" + ")}</dd>
    </div>
  );
}
