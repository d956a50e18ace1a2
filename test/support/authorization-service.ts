/** Authorization services that tests command: `envoy.service.auth.v3` by grpc-js, and plain HTTP. Both keep what they were asked. */
import type { TestContext } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type sendUnaryData,
} from "@grpc/grpc-js";
import {
  Authorization,
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from "../../src/gen/envoy/service/auth/v3/external_auth_pb.js";

export type CheckAnswer = MessageInitShape<typeof CheckResponseSchema>;

/** Undefined: the question stays without an answer. */
export type Decide = (asked: CheckRequest) => CheckAnswer | undefined | Promise<CheckAnswer>;

const CHECK_METHOD: MethodDefinition<CheckRequest, CheckResponse> = {
  path: `/${Authorization.typeName}/${Authorization.method.check.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(CheckRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(CheckRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(CheckResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(CheckResponseSchema, bytes),
};

export const ALLOWED: CheckAnswer = { status: { code: 0 } };
/** PERMISSION_DENIED. */
export const DENIED: CheckAnswer = { status: { code: 7 } };

export interface AuthorizationService {
  readonly port: number;
  readonly asked: CheckRequest[];
  /** Resolves when the proxy has given up a question that was not answered. */
  cancelled(): Promise<void>;
  stop(): void;
}

/** Ends with the test. */
export async function startAuthorizationService(
  context: TestContext,
  decide: Decide,
): Promise<AuthorizationService> {
  const service = await serveAuthorization(decide);
  context.after(() => service.stop());
  return service;
}

/** The caller stops it. */
export async function serveAuthorization(decide: Decide): Promise<AuthorizationService> {
  const asked: CheckRequest[] = [];
  let cancelledCount = 0;
  let wake = (): void => {};
  const server = new Server();
  server.addService(
    { Check: CHECK_METHOD },
    {
      Check: (
        call: { readonly request: CheckRequest; on(event: "cancelled", told: () => void): void },
        answer: sendUnaryData<CheckResponse>,
      ) => {
        call.on("cancelled", () => {
          cancelledCount += 1;
          wake();
        });
        asked.push(call.request);
        void Promise.resolve(decide(call.request)).then((response) => {
          if (response !== undefined) answer(null, create(CheckResponseSchema, response));
        });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const stop = (): void => server.forceShutdown();
  return {
    port,
    asked,
    stop,
    cancelled: async () => {
      while (cancelledCount === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      cancelledCount -= 1;
    },
  };
}

/** A header option of an answer: `append` undefined says nothing about it. */
export function option(key: string, value: string, append?: boolean): object {
  return { header: { key, value }, ...(append === undefined ? {} : { append }) };
}
