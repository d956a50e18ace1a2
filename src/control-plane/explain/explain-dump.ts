/** Explains a request by a proxy's own configuration dump, ours or a real Envoy's. No control plane is needed. */
import {
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageShape,
  type Registry,
} from "@bufbuild/protobuf";
import { messageOf } from "../../core/errors.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.js";
import { badRequest } from "./explain-error.ts";
import { Explainer } from "./explain-request.ts";
import { proxyConfiguration, type ResourceGroup } from "./proxy-configuration.ts";

type Json = Readonly<Record<string, unknown>>;

/** What the proxy is told of in messages; nothing is known of who calls. */
export interface DumpCaller {
  readonly namespace: string;
  readonly proxy: string | null;
}

/**
 * `registry` knows the messages of extensions. Those that it does not know are left out: they are not ours to explain.
 * Throws when it is no dump.
 */
export function dumpExplainer(
  dump: unknown,
  registry: Registry,
  { namespace, proxy }: DumpCaller,
): Explainer {
  const entries = entriesOf(dump);
  const group = <S extends DescMessage>(key: string, schema: S): ResourceGroup<MessageShape<S>> => {
    const byName = new Map(
      entries.flatMap((entry): [string, Json][] => {
        const resource = resourceIn(entry, key);
        const name = resource?.["name"] ?? resource?.["cluster_name"];
        return resource === undefined || typeof name !== "string" ? [] : [[name, resource]];
      }),
    );
    return {
      names: () => [...byName.keys()],
      get: (name) => {
        const resource = byName.get(name);
        return resource === undefined ? undefined : decode(schema, resource, name, registry);
      },
    };
  };
  const endpoints = group("endpoint_config", ClusterLoadAssignmentSchema);
  const configuration = proxyConfiguration({
    listeners: group("listener", ListenerSchema),
    routes: group("route_config", RouteConfigurationSchema),
    clusters: group("cluster", ClusterSchema),
    endpoints,
  });
  return new Explainer({
    configuration,
    objects: undefined,
    from: { proxy, service: null, namespace, adminAddress: null },
    revision: null,
    // Left out of a dump unless asked for (Envoy admin: `include_eds`).
    knowsEndpoints: endpoints.names().length > 0,
  });
}

/** Every entry of every section. Throws when it is no dump. */
function entriesOf(dump: unknown): readonly Json[] {
  const configs = (dump as Json | null)?.["configs"];
  if (!Array.isArray(configs)) {
    const hint =
      "get one with `tulle proxy config INSTANCE -o json`, or from /config_dump?include_eds";
    throw badRequest("the file is no configuration dump: it has no list `configs`", hint);
  }
  return configs.flatMap((config: Json) =>
    Object.values(config).flatMap((list) => (Array.isArray(list) ? (list as Json[]) : [])),
  );
}

/** What is active goes before what is warming. */
function resourceIn(entry: Json, key: string): Json | undefined {
  const state = (entry["active_state"] ?? entry["warming_state"] ?? entry) as Json;
  const resource = state[key];
  return typeof resource === "object" && resource !== null ? (resource as Json) : undefined;
}

function decode<S extends DescMessage>(
  schema: S,
  resource: Json,
  name: string,
  registry: Registry,
): MessageShape<S> {
  try {
    const known = withoutUnknown(resource, registry) as JsonValue;
    return fromJson(schema, known, { registry, ignoreUnknownFields: true });
  } catch (error) {
    throw badRequest(`${name} in the configuration dump cannot be read: ${messageOf(error)}`);
  }
}

/** A copy without messages of types that are not known, wherever an Any holds one. */
function withoutUnknown(value: unknown, registry: Registry): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutUnknown(item, registry));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      isUnknownAny(item, registry) ? [] : [[key, withoutUnknown(item, registry)]],
    ),
  );
}

function isUnknownAny(value: unknown, registry: Registry): boolean {
  const type = typeof value === "object" && value !== null ? (value as Json)["@type"] : undefined;
  if (typeof type !== "string") return false;
  return registry.getMessage(type.slice(type.lastIndexOf("/") + 1)) === undefined;
}
