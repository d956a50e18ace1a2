/** `tulle.ca.v1.JwtSvidService/SignJwtSvid` as grpc-js wants a method described. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import {
  JwtSvidService,
  type SignJwtSvidRequest,
  SignJwtSvidRequestSchema,
  type SignJwtSvidResponse,
  SignJwtSvidResponseSchema,
} from "../gen/tulle/ca/v1/jwt_svid_service_pb.js";

export const SIGN_JWT_SVID_METHOD: MethodDefinition<SignJwtSvidRequest, SignJwtSvidResponse> = {
  path: `/${JwtSvidService.typeName}/${JwtSvidService.method.signJwtSvid.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(SignJwtSvidRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(SignJwtSvidRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(SignJwtSvidResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(SignJwtSvidResponseSchema, bytes),
};
