/** The HTTP filters that there are: what each reads from configuration. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { GrpcWebSchema } from "../../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import type { FieldError } from "../field-error.ts";

/** One filter's compiled configuration; `kind` says which. */
export type FilterRule = GrpcWebRule;

/** Calls of gRPC-Web become calls of gRPC. */
export interface GrpcWebRule {
  readonly kind: "grpc-web";
}

/** Both return undefined for messages that are not this filter's. What is wrong in those that are goes to `errors`. */
export interface FilterKind {
  ofListener(config: Any, path: string, errors: FieldError[]): FilterRule | undefined;
  ofRoute(config: Any, path: string, errors: FieldError[]): FilterRule | undefined;
}

const grpcWeb: FilterKind = {
  ofListener: (config) =>
    anyUnpack(config, GrpcWebSchema) === undefined ? undefined : { kind: "grpc-web" },
  ofRoute: () => undefined,
};

export const FILTER_KINDS: readonly FilterKind[] = [grpcWeb];
