/** Proxies: who is connected, what each was sent, acknowledged and refused, and what it ought to run. */
import { Hono } from "hono";
import { nearestName } from "../../resource/nearest-name.ts";
import type { ProxyRecord, VersionMark } from "../../xds/proxy-record.ts";
import { shortTypeName } from "../../xds/type-urls.ts";
import type { ProxyEntry } from "../proxy-directory.ts";
import type {
  ProxiesResponse,
  ProxyConfigResponse,
  ProxySync,
  ProxyTypeView,
  ProxyView,
} from "../proxy-types.ts";
import { resourceJson } from "../xds-json.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { isoTime } from "./iso-time.ts";

export function proxyRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();

  app.get("/proxies", (context) => {
    const proxies = deps.proxies
      .list()
      .map((entry) => proxyView(deps, entry))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    const response: ProxiesResponse = { revision: deps.reconciler.translatedRevision, proxies };
    return context.json(response);
  });

  app.get("/proxies/:id", (context) =>
    context.json(proxyView(deps, find(deps, context.req.param("id")))),
  );

  app.get("/proxies/:id/config", (context) =>
    context.json(configView(deps, find(deps, context.req.param("id")))),
  );

  return app;
}

function orderOf(view: ProxyView): string {
  return [view.namespace, view.service, view.id].join("\n");
}

function find(deps: AdminApiDeps, id: string): ProxyEntry {
  const entry = deps.proxies.find(id);
  if (entry !== undefined) return entry;
  const all = deps.proxies.list();
  const namesakes = all.filter(({ node }) => node.scope.nodeId === id);
  if (namesakes.length > 1) {
    const names = namesakes.map(({ key }) => key).join(", ");
    throw apiError("not_found", `several proxies are called ${id}`, { hint: `say ${names}` });
  }
  const nearest = nearestName(
    id,
    all.map(({ node }) => node.scope.nodeId),
  );
  throw apiError("not_found", `there is no proxy "${id}"`, {
    hint: nearest === undefined ? "`tulle status` lists the proxies" : `did you mean ${nearest}?`,
  });
}

export function proxyView(deps: AdminApiDeps, entry: ProxyEntry): ProxyView {
  const { node, key } = entry;
  const { scope } = node;
  const record = deps.proxies.recordOf(entry);
  const types = typeViews(record);
  const connected = entry.streamId !== undefined;
  const sync = syncOf(connected, types);
  return {
    id: scope.nodeId,
    service: node.service,
    namespace: scope.namespace,
    serviceAccount: scope.serviceAccount,
    spiffeId: node.spiffeId,
    connected,
    connectedSince: connected ? isoTime(entry.connectedSinceMs) : null,
    disconnectedSince:
      entry.disconnectedSinceMs === undefined ? null : isoTime(entry.disconnectedSinceMs),
    remoteAddress: connected ? entry.remoteAddress : null,
    userAgent: node.version === "" ? node.userAgent : `${node.userAgent}/${node.version}`,
    version: node.version,
    adminAddress: node.adminAddress,
    protocol: entry.protocol,
    instanceState: deps.registry.get(key)?.state ?? null,
    sync,
    stale: sync === "stale",
    acknowledgedRevision: record?.acknowledgedRevision ?? 0,
    types,
  };
}

function syncOf(connected: boolean, types: readonly ProxyTypeView[]): ProxySync {
  if (!connected) return "disconnected";
  if (types.some(({ refused }) => refused !== null)) return "refused";
  return types.length === 0 || types.some(({ stale }) => stale) ? "stale" : "synced";
}

function typeViews(record: ProxyRecord | undefined): readonly ProxyTypeView[] {
  return [...(record?.types ?? [])].map(([typeUrl, type]): ProxyTypeView => {
    const { sent, acknowledged, refused } = type;
    return {
      type: shortTypeName(typeUrl).toLowerCase(),
      typeUrl,
      subscribed: true,
      sentRevision: sent?.revision ?? null,
      sentAt: timeOf(sent),
      acknowledgedRevision: acknowledged?.revision ?? null,
      acknowledgedAt: timeOf(acknowledged),
      refused:
        refused === undefined
          ? null
          : { revision: refused.revision, message: refused.message, at: isoTime(refused.timeMs) },
      stale: (acknowledged?.revision ?? -1) < (record?.targetRevision ?? 0),
    };
  });
}

function timeOf(mark: VersionMark | undefined): string | null {
  return mark === undefined ? null : isoTime(mark.timeMs);
}

function configView(deps: AdminApiDeps, entry: ProxyEntry): ProxyConfigResponse {
  const snapshot = deps.reconciler.snapshotOf(entry.key);
  if (snapshot === undefined) {
    throw apiError("not_found", `proxy ${entry.node.scope.nodeId} is not connected`, {
      hint: "its own admin port shows what it runs: `tulle proxy config`",
    });
  }
  return {
    id: entry.node.scope.nodeId,
    revision: snapshot.revision,
    types: [...snapshot.resources].map(([typeUrl, resources]) => ({
      type: shortTypeName(typeUrl).toLowerCase(),
      typeUrl,
      resources: [...resources.values()].map((resource) => ({
        name: resource.name,
        version: resource.version,
        resource: resourceJson(resource),
      })),
    })),
  };
}
