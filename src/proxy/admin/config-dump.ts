/** `/config_dump`: what is in force and which version of it, in Envoy's shape. Private keys are left out. */
import { type DescMessage, fromBinary, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  type Bootstrap,
  BootstrapSchema,
} from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.js";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
} from "../../xds/type-urls.ts";
import { messageRegistry } from "../config/message-registry.ts";
import type { AppliedResource } from "../dynamic-resources.ts";
import type { BindError } from "../listener-binder.ts";
import type { ProxyStatus } from "./proxy-status.ts";

export interface ConfigDumpInput {
  readonly bootstrap: Bootstrap;
  /** Resources from xDS in force, by type. */
  readonly applied: (typeUrl: string) => ReadonlyMap<string, AppliedResource>;
  readonly status: Pick<
    ProxyStatus,
    "secretNames" | "warmingListeners" | "bindErrors" | "listeners"
  >;
}

const ADMIN = "type.googleapis.com/envoy.admin.v3";

export function configDump(input: ConfigDumpInput, includesEndpoints: boolean): unknown {
  const bootstrap = withoutKeys(jsonOf(BootstrapSchema, input.bootstrap));
  const { static_resources: fixed } = bootstrap as {
    static_resources?: { listeners?: unknown[]; clusters?: unknown[] };
  };
  const configs: unknown[] = [
    { "@type": `${ADMIN}.BootstrapConfigDump`, bootstrap },
    {
      "@type": `${ADMIN}.ClustersConfigDump`,
      static_clusters: (fixed?.clusters ?? []).map((cluster) => ({ cluster })),
      dynamic_active_clusters: dynamic(input, CLUSTER_TYPE_URL, ClusterSchema, "cluster"),
    },
    {
      "@type": `${ADMIN}.ListenersConfigDump`,
      static_listeners: (fixed?.listeners ?? []).map((listener) => ({
        listener,
        ...acceptedBy(input, (listener as { readonly name?: string }).name ?? ""),
      })),
      dynamic_listeners: dynamicListeners(input),
    },
    {
      "@type": `${ADMIN}.RoutesConfigDump`,
      dynamic_route_configs: dynamic(
        input,
        ROUTE_TYPE_URL,
        RouteConfigurationSchema,
        "route_config",
      ),
    },
    {
      "@type": `${ADMIN}.SecretsConfigDump`,
      dynamic_active_secrets: input.status.secretNames.map((name) => ({ name })),
    },
  ];
  if (includesEndpoints) {
    const schema = ClusterLoadAssignmentSchema;
    configs.push({
      "@type": `${ADMIN}.EndpointsConfigDump`,
      dynamic_endpoint_configs: dynamic(input, ENDPOINT_TYPE_URL, schema, "endpoint_config"),
    });
  }
  return { configs };
}

function dynamicListeners(input: ConfigDumpInput): unknown[] {
  const { warmingListeners, bindErrors } = input.status;
  const bound = new Set(input.status.listeners.map(({ name }) => name));
  return [...input.applied(LISTENER_TYPE_URL)].map(([name, { version, bytes }]) => {
    const state = { version_info: version, listener: decoded(ListenerSchema, bytes) };
    const error = bindErrors.get(name);
    const isWarming = warmingListeners.includes(name);
    return {
      name,
      ...acceptedBy(input, name),
      ...(isWarming ? { warming_state: state } : {}),
      ...(!isWarming && bound.has(name) ? { active_state: state } : {}),
      ...(error === undefined ? {} : { error_state: errorState(error, state.listener) }),
    };
  });
}

/** Not in Envoy's message: how many connections turned out to speak what. */
function acceptedBy({ status }: ConfigDumpInput, listener: string): object {
  const accepted = status.listeners.find(({ name }) => name === listener)?.accepted ?? {};
  const spoken = Object.entries(accepted).filter(([, count]) => count > 0);
  return spoken.length === 0 ? {} : { accepted_connections: Object.fromEntries(spoken) };
}

function errorState({ reason, atMs }: BindError, listener: unknown): unknown {
  return {
    failed_configuration: listener,
    last_update_attempt: new Date(atMs).toISOString(),
    details: reason,
  };
}

function dynamic(
  input: ConfigDumpInput,
  typeUrl: string,
  schema: DescMessage,
  field: string,
): unknown[] {
  return [...input.applied(typeUrl).values()].map(({ version, bytes }) => ({
    version_info: version,
    [field]: decoded(schema, bytes),
  }));
}

function decoded(schema: DescMessage, bytes: Uint8Array): unknown {
  const json = toJson(schema, fromBinary(schema, bytes), {
    registry: messageRegistry,
    useProtoFieldName: true,
  });
  return withoutKeys(json);
}

function jsonOf(schema: typeof BootstrapSchema, bootstrap: Bootstrap): JsonValue {
  return toJson(schema, bootstrap, { registry: messageRegistry, useProtoFieldName: true });
}

/** A copy in which every private key reads `[redacted]`, as Envoy writes it. */
function withoutKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "private_key" ? { inline_string: "[redacted]" } : withoutKeys(item),
    ]),
  );
}
