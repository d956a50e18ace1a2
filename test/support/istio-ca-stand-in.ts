/** A server of Istio's IstioCertificateService by grpc-js over TLS, with a bearer token; signed by our own code. */
import { create } from "@bufbuild/protobuf";
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { CREATE_CERTIFICATE_METHOD } from "../../src/control-plane/issuers/istio-issuer.ts";
import type { IstioCertificateResponse } from "../../src/gen/istio/v1/auth/ca_pb.js";
import {
  type IstioCertificateRequest,
  IstioCertificateResponseSchema,
} from "../../src/gen/istio/v1/auth/ca_pb.js";
import type { ForeignAuthority } from "./foreign-authority.ts";

export interface IstioCaOptions {
  readonly authority: ForeignAuthority;
  readonly token: string;
  readonly tls: { readonly key: string; readonly cert: string };
}

export class IstioCaStandIn {
  readonly signed: string[] = [];
  readonly #server = new Server();
  readonly #options: IstioCaOptions;
  port = 0;

  private constructor(options: IstioCaOptions) {
    this.#options = options;
    this.#server.addService(
      { CreateCertificate: CREATE_CERTIFICATE_METHOD },
      {
        CreateCertificate: (
          call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
          callback: sendUnaryData<IstioCertificateResponse>,
        ) => this.#create(call, callback),
      },
    );
  }

  static async start(options: IstioCaOptions): Promise<IstioCaStandIn> {
    const server = new IstioCaStandIn(options);
    const { key, cert } = options.tls;
    const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
    const credentials = ServerCredentials.createSsl(null, [pair]);
    server.port = await new Promise<number>((resolve, reject) => {
      server.#server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
    return server;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #create(
    { metadata, request }: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
    callback: sendUnaryData<IstioCertificateResponse>,
  ): void {
    const { authority, token } = this.#options;
    if (metadata.get("authorization").join() !== `Bearer ${token}`) {
      callback({ code: status.UNAUTHENTICATED, details: "request authenticate failure" });
      return;
    }
    const identity = String(request.metadata?.["ImpersonatedIdentity"]);
    this.signed.push(identity);
    const leaf = authority.sign(request.csr, identity, Number(request.validityDuration) * 1000);
    const certChain = [leaf, authority.intermediatePem, authority.rootPem];
    callback(null, create(IstioCertificateResponseSchema, { certChain }));
  }
}
