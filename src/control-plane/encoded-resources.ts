/**
 * Turns translated messages into encoded resources, each encoded once per push however many proxies get it.
 * What did not change keeps its object, and a type of which nothing changed keeps its map: the ADS server
 * then sees without looking that there is nothing to send.
 */
import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { assert } from "../core/assert.ts";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.js";
import { SecretSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { XdsResource } from "../translate/translation.ts";
import { type EncodedResource, encodedResource, type ResourceMap } from "../xds/snapshot.ts";

/** The types that the control plane serves. */
export const XDS_RESOURCE_SCHEMAS: readonly DescMessage[] = [
  ClusterSchema,
  ClusterLoadAssignmentSchema,
  ListenerSchema,
  RouteConfigurationSchema,
  SecretSchema,
];

/** Encodes the resources of one type, reusing what `previous` holds of them. */
export function encodeResources(
  resources: readonly XdsResource[],
  previous: ResourceMap | undefined,
): ResourceMap {
  const encoded = new Map<string, EncodedResource>();
  let isSame = previous !== undefined && previous.size === resources.length;
  for (const resource of resources) {
    const bytes = toBinary(schemaOf(resource.message), resource.message);
    const known = previous?.get(resource.name);
    const isKnown = known !== undefined && Buffer.compare(known.bytes, bytes) === 0;
    encoded.set(
      resource.name,
      isKnown ? known : encodedResource({ typeUrl: resource.typeUrl, name: resource.name, bytes }),
    );
    isSame &&= isKnown;
  }
  return isSame && previous !== undefined ? previous : encoded;
}

/** A map laid over another: its resources stand in the place of those of the same name. */
export interface Overlay {
  readonly base: ResourceMap;
  readonly over: ResourceMap;
  readonly merged: ResourceMap;
}

/** Lays `over` upon `base`; gives back `known` when it is made of the very same maps. */
export function overlay(base: ResourceMap, over: ResourceMap, known: Overlay | undefined): Overlay {
  if (known !== undefined && known.base === base && known.over === over) return known;
  return { base, over, merged: over.size === 0 ? base : new Map([...base, ...over]) };
}

function schemaOf(message: Message): DescMessage {
  const schema = XDS_RESOURCE_SCHEMAS.find((one) => one.typeName === message.$typeName);
  assert(schema !== undefined, `translation makes no ${message.$typeName}`);
  return schema;
}
