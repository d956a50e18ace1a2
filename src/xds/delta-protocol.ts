/** Delta ADS on the client's side. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { type ClientProtocol, NACK_CODE, withoutDuplicates } from "./client-protocol.ts";
import type { ClientType } from "./client-type.ts";
import { DELTA_AGGREGATED_RESOURCES } from "./grpc-bytes.ts";
import type { ReceivedResource, ResourceError } from "./resource-consumer.ts";

export const deltaProtocol: ClientProtocol = {
  path: DELTA_AGGREGATED_RESOURCES,

  encode(type, answer, node) {
    const isFirst = !type.isStarted;
    const request = create(DeltaDiscoveryRequestSchema, {
      typeUrl: type.typeUrl,
      resourceNamesSubscribe: isFirst ? firstNames(type) : [...type.newNames],
      resourceNamesUnsubscribe: isFirst ? [] : [...type.goneNames],
      // Tells what survived the last stream, so that the server sends and removes only the difference.
      initialResourceVersions: isFirst ? Object.fromEntries(type.known) : {},
      responseNonce: answer?.nonce ?? "",
      ...(node && { node }),
      ...(answer?.error !== undefined && {
        errorDetail: { code: NACK_CODE, message: answer.error },
      }),
    });
    return toBinary(DeltaDiscoveryRequestSchema, request);
  },

  decode(bytes) {
    const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
    const received: ReceivedResource[] = [];
    const errors: ResourceError[] = [];
    for (const { name, version, resource } of response.resources) {
      // Without a body it is a heartbeat that only renews a time to live.
      if (resource === undefined) continue;
      if (resource.typeUrl === response.typeUrl) {
        received.push({ name, version, bytes: resource.value });
      } else {
        errors.push({ name, message: `type URL "${resource.typeUrl}" in a response of another` });
      }
    }
    const unique = withoutDuplicates(received);
    return {
      typeUrl: response.typeUrl,
      nonce: response.nonce,
      version: response.systemVersionInfo,
      resources: unique.resources,
      removed: response.removedResources,
      errors: [...errors, ...unique.errors],
    };
  },
};

/** No names at all is the wildcard that every server understands. */
function firstNames(type: ClientType): string[] {
  if (!type.wildcard) return [...type.names];
  return type.names.size === 0 ? [] : ["*", ...type.names];
}
