/** Whose sidecar a request is explained for: a proxy that is connected, or one as a workload of the namespace would get. */
import type { ProxyScope } from "../../translate/mesh-snapshot.ts";
import type { ProxyEntry } from "../proxy-directory.ts";
import { badRequest, notFound } from "./explain-error.ts";
import type { ExplainedCaller, ExplainRequest } from "./explain-types.ts";

export interface Caller {
  readonly from: ExplainedCaller;
  /** The proxy that was found; undefined where one is supposed. */
  readonly entry: ProxyEntry | undefined;
}

export interface KnownCallers {
  /** Connected. */
  readonly proxies: readonly ProxyEntry[];
  /** `namespace/name` of every Service. */
  readonly services: readonly string[];
  /** `namespace/name` of every Workload. */
  readonly workloads: readonly string[];
}

/**
 * `from` names an instance, a Service, or either with its namespace before it. Of a Service's instances the first is
 * asked: they all get the same routes. Throws when the name fits nothing.
 */
export function findCaller(asked: ExplainRequest, known: KnownCallers): Caller {
  const namespace = asked.namespace ?? "default";
  const { from } = asked;
  if (from === undefined) {
    const entry = known.proxies.find(({ node }) => node.scope.namespace === namespace);
    return callerOf(entry, { namespace, service: null });
  }
  const slash = from.indexOf("/");
  const wanted =
    slash < 0
      ? { namespace, name: from }
      : { namespace: from.slice(0, slash), name: from.slice(slash + 1) };
  const inNamespace = known.proxies.filter(({ node }) => node.scope.namespace === wanted.namespace);
  const entry =
    inNamespace.find(({ node }) => node.scope.nodeId === wanted.name) ??
    inNamespace.find(({ node }) => node.service === wanted.name);
  if (entry !== undefined) return callerOf(entry, { ...wanted, service: wanted.name });
  const key = `${wanted.namespace}/${wanted.name}`;
  if (known.services.includes(key) || known.workloads.includes(key)) {
    return callerOf(undefined, { namespace: wanted.namespace, service: wanted.name });
  }
  throw unknownCaller(from, wanted, known);
}

function callerOf(
  entry: ProxyEntry | undefined,
  { namespace, service }: { readonly namespace: string; readonly service: string | null },
): Caller {
  return {
    entry,
    from: {
      proxy: entry?.node.scope.nodeId ?? null,
      service: entry?.node.service ?? service,
      namespace: entry?.node.scope.namespace ?? namespace,
      adminAddress: entry?.node.adminAddress ?? null,
    },
  };
}

function unknownCaller(
  from: string,
  wanted: { readonly namespace: string; readonly name: string },
  { proxies, services, workloads }: KnownCallers,
): Error {
  const elsewhere = [
    ...[...services, ...workloads].filter((key) => key.endsWith(`/${wanted.name}`)),
    ...proxies.filter(({ node }) => node.scope.nodeId === wanted.name).map(({ key }) => key),
  ];
  const message = `no workload and no Service is called ${JSON.stringify(from)} in namespace ${wanted.namespace}`;
  if (elsewhere.length > 0) throw badRequest(message, `did you mean ${elsewhere.join(" or ")}?`);
  const here = (key: string): readonly string[] =>
    key.startsWith(`${wanted.namespace}/`) ? [key.slice(wanted.namespace.length + 1)] : [];
  const names = new Set([
    ...[...services, ...workloads].flatMap(here),
    ...proxies.flatMap(({ key, node }) => [...here(key), node.service]),
  ]);
  return notFound(message, wanted.name, [...names].sort());
}

/** A workload that is not connected: what rules for some callers only look at. */
export interface SupposedWorkload {
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
}

/** The sidecar of a workload that is only supposed. It serves nothing. */
export function supposedScope(namespace: string, workload: SupposedWorkload): ProxyScope {
  const { serviceAccount, labels, zone } = workload;
  return {
    ...{ nodeId: "explain", namespace, serviceAccount, labels, zone },
    address: "127.64.0.1",
    ports: [],
    loopbackBlock: "127.64.0.0/18",
    role: "sidecar",
  };
}
