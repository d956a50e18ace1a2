/** State-of-the-world ADS on the client's side. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { type ClientProtocol, NACK_CODE, withoutDuplicates } from "./client-protocol.ts";
import { STREAM_AGGREGATED_RESOURCES } from "./grpc-bytes.ts";
import type { ReceivedResource, ResourceError } from "./resource-consumer.ts";
import { isFullState } from "./type-urls.ts";
import { firstStringField } from "./wire.ts";

export const sotwProtocol: ClientProtocol = {
  path: STREAM_AGGREGATED_RESOURCES,

  encode(type, answer, node) {
    const request = create(DiscoveryRequestSchema, {
      typeUrl: type.typeUrl,
      // Never the legacy wildcard: giving it up would look the same as keeping it.
      resourceNames: type.wildcard ? ["*", ...type.names] : [...type.names],
      versionInfo: type.version,
      responseNonce: answer?.nonce ?? type.nonce,
      ...(node && { node }),
      ...(answer?.error !== undefined && {
        errorDetail: { code: NACK_CODE, message: answer.error },
      }),
    });
    return toBinary(DiscoveryRequestSchema, request);
  },

  decode(bytes, known) {
    const response = fromBinary(DiscoveryResponseSchema, bytes);
    const { typeUrl, versionInfo: version } = response;
    const received: ReceivedResource[] = [];
    const errors: ResourceError[] = [];
    for (const [index, any] of response.resources.entries()) {
      const name = firstStringField(any.value);
      if (any.typeUrl !== typeUrl) {
        const message = `type URL "${any.typeUrl}" in a response of another`;
        errors.push({ name: name ?? "", message });
      } else if (name === undefined) {
        errors.push({ name: "", message: `resources[${index}]: no name` });
      } else {
        received.push({ name, version, bytes: any.value });
      }
    }
    const unique = withoutDuplicates(received);
    const allErrors = [...errors, ...unique.errors];
    return {
      typeUrl,
      nonce: response.nonce,
      version,
      resources: unique.resources,
      removed: isFullState(typeUrl) ? leftOut(known(typeUrl), unique.resources, allErrors) : [],
      errors: allErrors,
    };
  },
};

/** Listeners and clusters that a response does not list are deleted by it. */
function leftOut(
  known: Iterable<string>,
  resources: readonly ReceivedResource[],
  errors: readonly ResourceError[],
): string[] {
  const listed = new Set([...resources, ...errors].map(({ name }) => name));
  return [...known].filter((name) => !listed.has(name));
}
