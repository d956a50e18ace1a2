/** The methods of the SPIFFE Workload API and of SDS as grpc-js wants them described. */
import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import { SecretDiscoveryService } from "../../gen/envoy/service/secret/v3/sds_pb.js";
import { SpiffeWorkloadAPI } from "../../gen/spiffe/workload/workload_pb.js";

const api = SpiffeWorkloadAPI.method;
const sds = SecretDiscoveryService.method;

export const WORKLOAD_API_METHODS = {
  FetchX509SVID: describe(api.fetchX509SVID),
  FetchX509Bundles: describe(api.fetchX509Bundles),
  FetchJWTSVID: describe(api.fetchJWTSVID),
  FetchJWTBundles: describe(api.fetchJWTBundles),
  ValidateJWTSVID: describe(api.validateJWTSVID),
};

export const SDS_METHODS = {
  StreamSecrets: describe(sds.streamSecrets),
  FetchSecrets: describe(sds.fetchSecrets),
};

type Described<M extends DescMethod> = MethodDefinition<
  MessageShape<M["input"]>,
  MessageShape<M["output"]>
>;

function describe<M extends DescMethod>(method: M): Described<M> {
  const { input, output, methodKind } = method;
  const isBidirectional = methodKind === "bidi_streaming";
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: isBidirectional,
    responseStream: isBidirectional || methodKind === "server_streaming",
    requestSerialize: serializer(input),
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    responseSerialize: serializer(output),
    responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
  } as unknown as Described<M>;
}

function serializer(schema: DescMessage) {
  return (message: MessageShape<DescMessage>): Buffer => Buffer.from(toBinary(schema, message));
}
