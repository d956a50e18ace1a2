/**
 * Our identity in SPIRE, from its agent's Workload API: the certificate that the server knows us by, and the roots of
 * the trust domain. The stream is kept open; when it ends it is opened again.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  Client,
  type ClientReadableStream,
  credentials,
  status as grpcStatus,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { Backoff } from "../../core/backoff.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Prng } from "../../core/prng.ts";
import {
  SpiffeWorkloadAPI,
  type X509SVID,
  type X509SVIDRequest,
  X509SVIDRequestSchema,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
} from "../../gen/spiffe/workload/workload_pb.js";
import { parseCertificate } from "../../identity/certificate.ts";
import { DER_TAG, DerReader } from "../../identity/der-reader.ts";
import { issuerFailed } from "../../identity/issuers/certificate-issuer.ts";
import { formatCertificatesPem, formatPem } from "../../identity/pem.ts";
import { requireSpiffeId, trustDomainOf } from "../../identity/spiffe-id.ts";
import type { Svid } from "../../identity/svid.ts";
import { type TrustBundle, trustBundleFromDer } from "../../identity/trust-bundle.ts";

const RECONNECT = { baseMs: 500, maxMs: 30_000 };
const FETCH_METHOD = `/${SpiffeWorkloadAPI.typeName}/FetchX509SVID`;

export interface SpireIdentity {
  readonly svid: Svid;
  /** Of its trust domain. */
  readonly bundle: TrustBundle;
}

export interface SpireWorkloadOptions {
  /** `unix:///PATH`, as SPIFFE_ENDPOINT_SOCKET has it. */
  readonly endpoint: string;
  readonly trustDomain: string;
  readonly onIdentity: (identity: SpireIdentity) => void;
  /** The API cannot be read: what it said last goes on. */
  readonly onFailure: (error: Error) => void;
  readonly clock: Clock;
  readonly prng: Prng;
}

export class SpireWorkload {
  readonly #options: SpireWorkloadOptions;
  readonly #client: Client;
  readonly #backoff: Backoff;
  #stream: ClientReadableStream<X509SVIDResponse> | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: SpireWorkloadOptions) {
    this.#options = options;
    this.#client = new Client(options.endpoint, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    this.#backoff = new Backoff({ ...RECONNECT, prng: options.prng });
  }

  open(): void {
    // SPIFFE Workload Endpoint section 3: a guard against requests that somebody was led to make.
    const metadata = new Metadata();
    metadata.set("workload.spiffe.io", "true");
    const stream = this.#client.makeServerStreamRequest(
      FETCH_METHOD,
      (question: X509SVIDRequest) => Buffer.from(toBinary(X509SVIDRequestSchema, question)),
      (bytes: Buffer) => fromBinary(X509SVIDResponseSchema, bytes),
      create(X509SVIDRequestSchema),
      metadata,
    );
    this.#stream = stream;
    stream.on("data", (response: X509SVIDResponse) => this.#take(response));
    stream.on("error", (error: ServiceError) => {
      // One that was given up ends with an error of its own.
      if (stream !== this.#stream) return;
      const code = grpcStatus[error.code] ?? error.code;
      this.#failed(
        issuerFailed(
          `the Workload API at ${this.#options.endpoint}: ${code}: ${error.details}`,
          true,
        ),
      );
    });
    stream.on("end", () => {
      if (stream === this.#stream) this.#again();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
    this.#client.close();
  }

  /** The first certificate is the default one (SPIFFE Workload API section 5.2.1). */
  #take(response: X509SVIDResponse): void {
    const { trustDomain, onIdentity } = this.#options;
    try {
      const [entry] = response.svids;
      if (entry === undefined) throw issuerFailed("the Workload API gave no certificate", true);
      const identity = identityOf(entry);
      if (identity.bundle.trustDomain !== trustDomain) {
        throw issuerFailed(
          `SPIRE's trust domain is ${identity.bundle.trustDomain}, the mesh's is ${trustDomain}: start the mesh with --trust-domain`,
          false,
        );
      }
      this.#backoff.reset();
      onIdentity(identity);
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  #failed(error: Error): void {
    if (this.#isClosed) return;
    this.#options.onFailure(error);
    this.#again();
  }

  #again(): void {
    if (this.#isClosed) return;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(this.#backoff.nextMs(), () => this.open());
  }
}

/** Throws for what is no certificate, key or SPIFFE id. */
function identityOf({ spiffeId: id, x509Svid, x509SvidKey, bundle }: X509SVID): SpireIdentity {
  const spiffeId = requireSpiffeId(id);
  const chain = certificatesIn(Buffer.from(x509Svid));
  const { notBeforeMs, notAfterMs } = parseCertificate(chain[0] ?? Buffer.alloc(0));
  return {
    svid: {
      ...{ spiffeId, notBeforeMs, notAfterMs },
      certificateChainPem: formatCertificatesPem(chain),
      privateKeyPem: formatPem("PRIVATE KEY", x509SvidKey),
    },
    bundle: trustBundleFromDer(trustDomainOf(spiffeId), certificatesIn(Buffer.from(bundle))),
  };
}

/** Certificates in DER, one after the other. */
function certificatesIn(bytes: Buffer): readonly Buffer[] {
  const reader = new DerReader(bytes);
  const found: Buffer[] = [];
  while (!reader.isDone) found.push(reader.read(DER_TAG.sequence).encoded);
  return found;
}
