/** Small builders that every translated message needs. */
import { create, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { type Address, AddressSchema } from "../gen/envoy/config/core/v3/address_pb.js";
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "../gen/envoy/config/core/v3/config_source_pb.js";
import type { XdsResource } from "./translation.ts";

/** `type.googleapis.com/envoy.config.cluster.v3.Cluster`. */
export function typeUrlOf(schema: DescMessage): string {
  return `type.googleapis.com/${schema.typeName}`;
}

export function resourceOf(schema: DescMessage, name: string, message: Message): XdsResource {
  return { typeUrl: typeUrlOf(schema), name, message };
}

/** Packs an extension's configuration. Bytes are deterministic: fields leave in the order of their numbers. */
export function pack<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Any {
  return anyPack(schema, message);
}

/** "Ask the stream that you got this from." Nested sources need the version too, or Envoy assumes v2. */
export function adsConfigSource(): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: "ads", value: create(AggregatedConfigSourceSchema) },
    resourceApiVersion: ApiVersion.V3,
  });
}

/** Whole milliseconds, not negative. */
export function duration(ms: number): Duration {
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(ms / 1000)),
    nanos: (ms % 1000) * 1_000_000,
  });
}

/** A TCP socket address. `address` is an IP literal. */
export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: {
      case: "socketAddress",
      value: { address, portSpecifier: { case: "portValue", value: port } },
    },
  });
}
