/**
 * A proxy's whole configuration as one Envoy bootstrap file that needs no control plane: what ADS would bring
 * is put where it is referred to. Envoy then judges every route, endpoint and secret when it reads the file.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Translation, XdsResource } from "../../src/translate/translation.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import { xdsJson, xdsRegistry } from "./xds-json.ts";

/** The certificate and key that a sidecar's own agent would supply. */
export interface OwnCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export function staticBootstrap(
  { resources }: Translation,
  nodeId: string,
  own: OwnCertificate,
): JsonObject {
  const types = xdsRegistry();
  const jsonOf = ({ message }: XdsResource): JsonObject => xdsJson(message, types) as JsonObject;
  const ofType = (typeUrl: string): readonly XdsResource[] =>
    resources.filter((resource) => resource.typeUrl === typeUrl);
  const byName = (typeUrl: string): ReadonlyMap<string, JsonObject> =>
    new Map(ofType(typeUrl).map((resource) => [resource.name, jsonOf(resource)]));
  const references: References = {
    routes: byName(ROUTE_TYPE_URL),
    endpoints: byName(ENDPOINT_TYPE_URL),
  };
  const inlined = (typeUrl: string): JsonValue[] =>
    ofType(typeUrl).map((resource) => inline(jsonOf(resource), references));
  return {
    node: { id: nodeId, cluster: "test" },
    static_resources: {
      listeners: inlined(LISTENER_TYPE_URL),
      clusters: inlined(CLUSTER_TYPE_URL),
      secrets: [...ofType(SECRET_TYPE_URL).map(jsonOf), ownSecret(own)],
    },
  };
}

interface References {
  readonly routes: ReadonlyMap<string, JsonObject>;
  readonly endpoints: ReadonlyMap<string, JsonObject>;
}

/** Replaces `rds`, `eds_cluster_config` and `sds_config` by what they refer to, wherever they stand. */
function inline(value: JsonValue, references: References): JsonValue {
  if (Array.isArray(value)) return value.map((item) => inline(item, references));
  if (value === null || typeof value !== "object") return value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    switch (key) {
      case "rds": {
        const { route_config_name: name } = member as { route_config_name: string };
        // A name that no cluster has is meant to be there: it answers 500.
        result["route_config"] = { ...resolved(references.routes, name), validate_clusters: false };
        break;
      }
      case "eds_cluster_config": {
        const { service_name: name } = member as { service_name: string };
        result["load_assignment"] = resolved(references.endpoints, name);
        break;
      }
      case "sds_config":
        break;
      default:
        result[key] = inline(member, references);
    }
  }
  if (result["type"] === "EDS") result["type"] = "STATIC";
  return result;
}

function resolved(resources: ReadonlyMap<string, JsonObject>, name: string): JsonObject {
  const resource = resources.get(name);
  if (resource === undefined) throw new Error(`nothing is named ${name}`);
  return resource;
}

function ownSecret({ certificatePem, privateKeyPem }: OwnCertificate): JsonObject {
  return {
    name: "default",
    tls_certificate: {
      certificate_chain: { inline_string: certificatePem },
      private_key: { inline_string: privateKeyPem },
    },
  };
}
