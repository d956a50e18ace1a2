/** Explains a request to the running mesh, or to one that exists in documents only. */

import { parseDocuments } from "../../resource/documents.ts";
import type { Registry as KindRegistry } from "../../resource/registry.ts";
import type { MeshSnapshot, ProxyScope } from "../../translate/mesh-snapshot.ts";
import { translateProxy } from "../../translate/translate.ts";
import type { AdminApiDeps } from "../admin-api/admin-api-deps.ts";
import type { KnownCaller } from "../authz/authz-check.ts";
import { ObjectCache } from "../object-cache.ts";
import { ServiceIndexes } from "../service-index.ts";
import { buildSnapshot } from "../snapshot-builder.ts";
import { type Caller, findCaller, type SupposedWorkload, supposedScope } from "./caller.ts";
import { badRequest } from "./explain-error.ts";
import { Explainer } from "./explain-request.ts";
import type { ExplainedCaller, ExplainRequest, ExplainResponse } from "./explain-types.ts";
import { type FoundGateway, findGateway, supposedGateway } from "./gateway-caller.ts";
import { withInboundHop } from "./inbound-hop.ts";
import {
  configurationOfSnapshot,
  configurationOfTranslation,
  type ProxyConfiguration,
} from "./proxy-configuration.ts";
import { type ForwardedCall, routeAuthorization } from "./route-authorization.ts";

export type ExplainDeps = Pick<
  AdminApiDeps,
  "objects" | "registry" | "serviceIndexes" | "proxies" | "reconciler" | "info" | "clock"
>;

/** For a connected proxy by what it was sent, else by what it would be sent now; with the hop behind it. */
export function explainInMesh(asked: ExplainRequest, deps: ExplainDeps): ExplainResponse {
  const { objects, proxies, reconciler } = deps;
  const connected = proxies.list().filter(({ streamId }) => streamId !== undefined);
  const entrance = findGateway(asked, objects.list("Gateway"), connected);
  const caller =
    entrance ??
    findCaller(asked, {
      proxies: connected,
      services: keysOf(objects, "Service"),
      workloads: keysOf(objects, "Workload"),
    });
  const response = explainerFor(caller, entrance, deps).explain(asked);
  return withInboundHop(response, asked, {
    objects,
    proxyAt: (address) => {
      const entry = proxies.list().find(({ node }) => node.scope.address === address);
      const sent = entry === undefined ? undefined : reconciler.snapshotOf(entry.key);
      if (entry === undefined || sent === undefined) return undefined;
      return { key: entry.key, configuration: configurationOfSnapshot(sent) };
    },
  });
}

function explainerFor(
  { entry, from }: Caller,
  entrance: FoundGateway | undefined,
  deps: ExplainDeps,
): Explainer {
  const { objects } = deps;
  const snapshot = currentSnapshot(deps);
  const known = {
    ...{ objects, from, knowsEndpoints: true },
    ...(entrance === undefined ? {} : { entrance }),
    authorize: (call: ForwardedCall) => routeAuthorization(call, snapshot, connectedCallers(deps)),
  };
  const sent = entry === undefined ? undefined : deps.reconciler.snapshotOf(entry.key);
  if (sent !== undefined) {
    const { revision } = sent;
    const labels = entry?.node.scope.labels ?? {};
    const configuration = configurationOfSnapshot(sent);
    return new Explainer({ ...known, configuration, revision, labels });
  }
  const { revision } = snapshot;
  const scope = supposed(objects, from, entrance);
  const { labels } = scope;
  return new Explainer({ ...known, configuration: translated(snapshot, scope), revision, labels });
}

/** The mesh as it is, as far as explanations look at it. */
export function currentSnapshot(deps: Omit<ExplainDeps, "proxies">): MeshSnapshot {
  return buildSnapshot({
    revision: deps.reconciler.translatedRevision,
    asOfMs: deps.clock.nowMs(),
    trustDomain: deps.info.trustDomain,
    trustBundlePem: "",
    objects: deps.objects,
    instances: deps.registry.list(),
    serviceIndexes: deps.serviceIndexes,
  });
}

/** Who may call others. */
export function connectedCallers({
  proxies,
}: Pick<ExplainDeps, "proxies">): readonly KnownCaller[] {
  return proxies.list().map(({ node }) => ({
    namespace: node.scope.namespace,
    name: node.scope.nodeId,
    service: node.service,
    serviceAccount: node.scope.serviceAccount,
  }));
}

export interface ExplainDocuments {
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly kinds: KindRegistry;
  readonly trustDomain: string;
  /** Milliseconds since the epoch: what ends at some time may have ended. */
  readonly nowMs: number;
}

/** The mesh of documents. Instances are the Workloads among them. Throws `bad_request` for one that is not valid. */
export function meshOfDocuments({ files, kinds, trustDomain, nowMs }: ExplainDocuments): {
  readonly objects: ObjectCache;
  readonly snapshot: MeshSnapshot;
} {
  const parsed = files.map(({ name, text }) => parseDocuments(text, name, kinds));
  const violation = parsed.flatMap(({ violations }) => violations)[0];
  if (violation !== undefined) {
    const { file, line, path, message } = violation;
    throw badRequest(`${file}:${line}: ${path}: ${message}`, "`tulle check -f` shows all of them");
  }
  const objects = new ObjectCache();
  objects.replaceAll(parsed.flatMap((one) => one.objects));
  const serviceIndexes = new ServiceIndexes();
  for (const { metadata } of [...objects.list("Service"), ...objects.list("ExternalService")]) {
    serviceIndexes.allocate(`${metadata.namespace}/${metadata.name}`);
  }
  const own = objects.list("MeshConfig")[0]?.spec.trustDomain ?? trustDomain;
  const snapshot = buildSnapshot({
    ...{ revision: 0, asOfMs: nowMs, trustDomain: own, trustBundlePem: "", instances: [] },
    objects,
    serviceIndexes,
  });
  return { objects, snapshot };
}

/** Without Workloads clusters have no endpoints. */
export function explainInDocuments(
  asked: ExplainRequest,
  documents: ExplainDocuments,
): ExplainResponse {
  const { objects, snapshot } = meshOfDocuments(documents);
  const entrance = findGateway(asked, objects.list("Gateway"), []);
  const { from } =
    entrance ??
    findCaller(asked, {
      proxies: [],
      services: keysOf(objects, "Service"),
      workloads: keysOf(objects, "Workload"),
    });
  const scope = supposed(objects, from, entrance);
  const configuration = translated(snapshot, scope);
  const explainer = new Explainer({
    ...{ configuration, objects, from, revision: null, labels: scope.labels },
    ...(entrance === undefined ? {} : { entrance }),
    authorize: (call) => routeAuthorization(call, snapshot, []),
    knowsEndpoints: objects.list("Workload").length > 0,
  });
  return explainer.explain(asked);
}

function translated(snapshot: MeshSnapshot, scope: ProxyScope): ProxyConfiguration {
  return configurationOfTranslation(translateProxy(snapshot, scope).resources);
}

function keysOf(objects: ObjectCache, kind: "Service" | "Workload"): readonly string[] {
  return objects.list(kind).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

/** Of a proxy that is not connected. */
function supposed(
  objects: ObjectCache,
  from: ExplainedCaller,
  entrance: FoundGateway | undefined,
): ProxyScope {
  if (entrance !== undefined) return supposedGateway(entrance.gateway);
  return supposedScope(from.namespace, supposedWorkload(objects, from));
}

/** The Workload of the name, else one as the Service of the name selects. */
function supposedWorkload(objects: ObjectCache, from: ExplainedCaller): SupposedWorkload {
  const name = from.service ?? "";
  const workload = objects.get("Workload", from.namespace, name);
  if (workload !== undefined) {
    const { serviceAccount, zone } = workload.spec;
    return { serviceAccount, zone, labels: workload.metadata.labels };
  }
  const service = objects.get("Service", from.namespace, name);
  return { serviceAccount: name, zone: "", labels: service?.spec.selector ?? {} };
}
