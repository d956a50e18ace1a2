/** The gateway that a request from outside comes to: one that runs, or one as the Gateway object would get. */
import type { Gateway } from "../../resource/kinds/gateway.ts";
import type { ProxyScope } from "../../translate/mesh-snapshot.ts";
import type { ProxyEntry } from "../proxy-directory.ts";
import { supposedScope } from "./caller.ts";
import { badRequest, notFound } from "./explain-error.ts";
import type { ExplainedCaller, ExplainRequest } from "./explain-types.ts";

export interface FoundGateway {
  readonly gateway: Gateway;
  readonly from: ExplainedCaller;
  /** Undefined where none of its instances is connected. */
  readonly entry: ProxyEntry | undefined;
  /** Of the listener that is asked for by name; undefined: the URL tells. */
  readonly port: number | undefined;
}

/** `asked.gateway` is a name, or `namespace/name`. Undefined where no gateway is asked for. Throws when there is none. */
export function findGateway(
  asked: ExplainRequest,
  gateways: readonly Gateway[],
  proxies: readonly ProxyEntry[],
): FoundGateway | undefined {
  if (asked.gateway === undefined) return undefined;
  if (asked.from !== undefined) {
    throw badRequest("from and gateway exclude each other", "a request from outside has no sender");
  }
  const slash = asked.gateway.indexOf("/");
  const namespace = slash < 0 ? (asked.namespace ?? "default") : asked.gateway.slice(0, slash);
  const name = asked.gateway.slice(slash + 1);
  const gateway = gateways.find(
    ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
  );
  if (gateway === undefined) {
    const names = gateways.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    throw notFound(`there is no Gateway ${namespace}/${name}`, `${namespace}/${name}`, names);
  }
  const entry = proxies.find(
    ({ node: { scope } }) => scope.namespace === namespace && scope.gateway === name,
  );
  return {
    gateway,
    entry,
    from: {
      proxy: entry?.node.scope.nodeId ?? null,
      service: name,
      namespace,
      adminAddress: entry?.node.adminAddress ?? null,
    },
    port: askedPort(gateway, asked.listener),
  };
}

/** What a gateway that does not run would be. */
export function supposedGateway({ metadata }: Gateway): ProxyScope {
  const { namespace, name } = metadata;
  return {
    ...supposedScope(namespace, {
      serviceAccount: name,
      // As `tulle gateway` has them (Gateway API v1, "GatewayInfrastructure").
      labels: { app: name, "gateway.networking.k8s.io/gateway-name": name },
      zone: "",
    }),
    role: "gateway",
    gateway: name,
  };
}

function askedPort({ spec }: Gateway, listener: string | undefined): number | undefined {
  if (listener === undefined) return undefined;
  const found = spec.listeners.find(({ name }) => name === listener);
  if (found !== undefined) return found.port;
  const names = spec.listeners.map(({ name }) => name);
  throw notFound(`the Gateway has no listener ${JSON.stringify(listener)}`, listener, names);
}
