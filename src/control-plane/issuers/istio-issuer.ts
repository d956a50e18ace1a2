/**
 * The authority of another mesh by Istio's protocol: `CreateCertificate` over TLS with a bearer token. It signs for
 * identities other than the token's own because the request names them (`ImpersonatedIdentity`), which istiod allows
 * to the accounts in its CA_TRUSTED_NODE_ACCOUNTS.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from "../../gen/istio/v1/auth/ca_pb.js";
import { type Certificate, parseCertificate } from "../../identity/certificate.ts";
import {
  type CertificateIssuer,
  issuerFailed,
  type SignRequest,
} from "../../identity/issuers/certificate-issuer.ts";
import { formatPem, parsePem } from "../../identity/pem.ts";
import { RootsFile } from "./roots-file.ts";
import { readSecret, readText } from "./secret-file.ts";

const IMPERSONATED_IDENTITY = "ImpersonatedIdentity";

/** Codes by which a server says that it will not do this, now or later. */
const FINAL_CODES: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
]);

export const CREATE_CERTIFICATE_METHOD: MethodDefinition<
  IstioCertificateRequest,
  IstioCertificateResponse
> = {
  path: `/${IstioCertificateService.typeName}/${IstioCertificateService.method.createCertificate.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(IstioCertificateRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(IstioCertificateRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(IstioCertificateResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(IstioCertificateResponseSchema, bytes),
};

export interface IstioConfig {
  /** `host:port`. */
  readonly address: string;
  readonly tokenFile: string;
  /** Roots of the mesh's certificates. */
  readonly rootsFile: string;
  /** Who may have signed the server's certificate; default: the roots. */
  readonly caFile?: string | undefined;
  /** The name in the server's certificate, where that is not the address's. */
  readonly serverName?: string | undefined;
  /** `ClusterID`, which istiod reads for tokens of Kubernetes. */
  readonly clusterId?: string | undefined;
}

export interface IstioIssuerOptions extends IstioConfig {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class IstioIssuer implements CertificateIssuer {
  readonly kind = "istio";
  readonly place: string;
  readonly notAfterMs = undefined;
  readonly #options: IstioIssuerOptions;
  readonly #listeners: (() => void)[] = [];
  readonly #rootsFile: RootsFile;
  #client: Client | undefined;
  #clientCa = "";

  constructor(options: IstioIssuerOptions) {
    this.#options = options;
    this.place = options.address;
    const onRead = (): void => {
      for (const listener of this.#listeners) listener();
    };
    this.#rootsFile = new RootsFile({ ...options, path: options.rootsFile, onRead });
  }

  get roots(): readonly Certificate[] {
    return this.#rootsFile.roots;
  }

  get finding(): string | undefined {
    return this.#rootsFile.finding;
  }

  async open(): Promise<void> {
    this.#rootsFile.open();
  }

  sign(request: SignRequest, signal: AbortSignal): Promise<readonly Buffer[]> {
    const message = create(IstioCertificateRequestSchema, {
      csr: formatPem("CERTIFICATE REQUEST", request.csrDer),
      validityDuration: BigInt(Math.floor(request.lifetimeMs / 1000)),
      metadata: { [IMPERSONATED_IDENTITY]: request.spiffeId },
    });
    const client = this.#connected();
    const metadata = this.#metadata();
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = CREATE_CERTIFICATE_METHOD;
      const call: ClientUnaryCall = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata,
        (error, response) => {
          if (error !== null || response === undefined) reject(failed(error));
          else resolveWith(() => chainOf(response), resolve, reject);
        },
      );
      signal.addEventListener("abort", () => call.cancel(), { once: true });
    });
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#rootsFile.close();
    this.#client?.close();
  }

  #metadata(): Metadata {
    const { tokenFile, clusterId } = this.#options;
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${readSecret(tokenFile)}`);
    if (clusterId !== undefined) metadata.set("clusterid", clusterId);
    return metadata;
  }

  /** A channel keeps the authorities that it was made with: other ones make another channel. */
  #connected(): Client {
    const { address, caFile, rootsFile, serverName } = this.#options;
    const ca = readText(caFile ?? rootsFile);
    if (this.#client === undefined || ca !== this.#clientCa) {
      this.#client?.close();
      this.#clientCa = ca;
      this.#client = new Client(address, credentials.createSsl(Buffer.from(ca)), {
        ...(serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName }),
      });
    }
    return this.#client;
  }
}

/** Every entry is one or more certificates; the last may be the root. */
function chainOf(response: IstioCertificateResponse): readonly Buffer[] {
  const chain = response.certChain.flatMap((pem) => parsePem(pem, "CERTIFICATE"));
  for (const der of chain) parseCertificate(der);
  return chain;
}

function failed(error: ServiceError | null): Error {
  if (error === null) return issuerFailed("the answer is empty", true);
  const { code, details } = error;
  return issuerFailed(`CreateCertificate: ${status[code]}: ${details}`, !FINAL_CODES.has(code));
}

function resolveWith<T>(
  act: () => T,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): void {
  try {
    resolve(act());
  } catch (error) {
    reject(issuerFailed(`the answer cannot be used: ${messageOf(error)}`, true));
  }
}
