/** `tulle.ca.v1.CertificateService/SignCertificate` as grpc-js wants a method described. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import {
  CertificateService,
  type SignCertificateRequest,
  SignCertificateRequestSchema,
  type SignCertificateResponse,
  SignCertificateResponseSchema,
} from "../gen/tulle/ca/v1/certificate_service_pb.js";

export const SIGN_CERTIFICATE_METHOD: MethodDefinition<
  SignCertificateRequest,
  SignCertificateResponse
> = {
  path: `/${CertificateService.typeName}/${CertificateService.method.signCertificate.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(SignCertificateRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(SignCertificateRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(SignCertificateResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(SignCertificateResponseSchema, bytes),
};
