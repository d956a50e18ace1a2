/**
 * SPIRE as the upstream authority: the control plane is a downstream authority of SPIRE's server, as another SPIRE server
 * would be. It gets an intermediate for a key that it makes and keeps in memory, signs with it, and has it renewed at
 * half of its life. So SPIRE's workloads and the mesh's are of one trust domain and accept each other.
 */
import { generateKeyPairSync } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";
import { Backoff } from "../../core/backoff.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { MeshError, messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import {
  type NewDownstreamX509CARequest,
  NewDownstreamX509CARequestSchema,
  type NewDownstreamX509CAResponse,
  NewDownstreamX509CAResponseSchema,
  SVID,
} from "../../gen/spire/api/server/svid/v1/svid_pb.js";
import type { Certificate } from "../../identity/certificate.ts";
import { createCsr } from "../../identity/csr.ts";
import { createMeshChannelCredentials } from "../../identity/grpc-credentials.ts";
import {
  type CertificateIssuer,
  issuerFailed,
  type SignRequest,
} from "../../identity/issuers/certificate-issuer.ts";
import { SigningPair } from "../../identity/issuers/signing-pair.ts";
import { formatCertificatesPem } from "../../identity/pem.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { formatTrustBundlePem, TrustBundleSet } from "../../identity/trust-bundle.ts";
import { type SpireIdentity, SpireWorkload } from "./spire-workload.ts";

const METHOD = `/${SVID.typeName}/NewDownstreamX509CA`;
const CALL_TIMEOUT_MS = 10_000;
const RETRY = { baseMs: 1_000, maxMs: 60_000 };
/** A machine may sleep: the wall clock is looked at this often. */
const LOOK_MS = 5_000;

/** Codes by which the server says that our entry does not do. */
const FINAL_CODES: ReadonlySet<grpcStatus> = new Set([
  grpcStatus.PERMISSION_DENIED,
  grpcStatus.UNIMPLEMENTED,
  grpcStatus.INVALID_ARGUMENT,
]);

export interface SpireConfig {
  /** `host:port` of the SPIRE server. */
  readonly server: string;
  /** `unix:///PATH` of the agent's Workload API. */
  readonly workloadApi: string;
}

export interface SpireIssuerOptions extends SpireConfig {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

interface Held {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly renewAtMs: number;
  readonly pair: SigningPair;
}

export class SpireIssuer implements CertificateIssuer {
  readonly kind = "spire";
  readonly place: string;
  readonly #options: SpireIssuerOptions;
  readonly #workload: SpireWorkload;
  readonly #client: Client;
  readonly #backoff: Backoff;
  readonly #listeners: (() => void)[] = [];
  #identity: SpireIdentity | undefined;
  #held: Held | undefined;
  /** What is wrong with the server, and with the agent. */
  #serverFinding: string | undefined;
  #agentFinding: string | undefined;
  #timer: Timer | undefined;
  #isClosed = false;
  #isRenewing = false;
  /** By the monotonic clock: no sooner is the server asked again. */
  #retryAtMs = 0;
  /** Of `open`, until the first pair is there. */
  #opened: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(options: SpireIssuerOptions) {
    this.#options = options;
    const { server, workloadApi: endpoint, trustDomain, clock, prng } = options;
    this.place = server;
    this.#backoff = new Backoff({ ...RETRY, prng });
    this.#workload = new SpireWorkload({
      ...{ endpoint, trustDomain, clock, prng },
      onIdentity: (identity) => this.#identityChanged(identity),
      onFailure: (error) => this.#agentFailed(error),
    });
    const credentials = createMeshChannelCredentials({
      getIdentity: () => ({
        svid: this.#identity?.svid,
        bundles: new TrustBundleSet(this.#identity === undefined ? [] : [this.#identity.bundle]),
      }),
      expectedServerIds: [`spiffe://${trustDomain}/spire/server`],
      clock,
    });
    this.#client = new Client(server, credentials, { "grpc.use_local_subchannel_pool": 1 });
  }

  get roots(): readonly Certificate[] {
    const pair = this.#held?.pair;
    if (pair === undefined) return [];
    return [pair.root, ...pair.bundle.roots.filter((root) => root !== pair.root)];
  }

  get notAfterMs(): number | undefined {
    return this.#held?.pair.notAfterMs;
  }

  get finding(): string | undefined {
    return this.#serverFinding ?? this.#agentFinding;
  }

  open(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#workload.open();
    });
  }

  async sign(request: SignRequest): Promise<readonly Buffer[]> {
    if (this.#held === undefined) {
      throw issuerFailed(this.finding ?? "SPIRE has not given a signing certificate yet", true);
    }
    return this.#held.pair.issue(request);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#workload.close();
    this.#client.close();
  }

  /** Another certificate of ours, or other roots: the pair is judged anew, and a new one is got where it does not do. */
  #identityChanged(identity: SpireIdentity): void {
    this.#identity = identity;
    if (this.#agentFinding !== undefined) {
      this.#agentFinding = undefined;
      this.#changed();
    }
    const held = this.#held;
    const roots = identity.bundle.roots.map(rootIdOf).join();
    if (held === undefined) this.#look();
    else if (roots !== held.pair.bundle.roots.map(rootIdOf).join()) this.#judgeAnew(held);
  }

  #judgeAnew(held: Held): void {
    try {
      this.#install(held.chainPem, held.keyPem, held.renewAtMs);
    } catch {
      // Its root is gone: what it signs is refused already.
      this.#held = { ...held, renewAtMs: 0 };
      this.#look();
    }
  }

  /** Asks for a signing certificate when it is time. */
  #look(): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    const { clock } = this.#options;
    const isDue = clock.nowMs() >= (this.#held?.renewAtMs ?? 0) && this.#identity !== undefined;
    const waitMs = this.#retryAtMs - clock.monotonicMs();
    if (isDue && waitMs <= 0 && !this.#isRenewing) void this.#renew();
    const delayMs = isDue ? Math.max(RETRY.baseMs, waitMs) : LOOK_MS;
    this.#timer = clock.schedule(Math.min(LOOK_MS, delayMs), () => this.#look());
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    this.#isRenewing = true;
    const { clock, log } = this.#options;
    try {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const { caCertChain } = await this.#call(createCsr({ publicKey, privateKey }));
      const keyPem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
      const pair = this.#install(formatCertificatesPem(caCertChain), keyPem);
      this.#backoff.reset();
      const notAfter = new Date(pair.notAfterMs).toISOString();
      log.info("SPIRE has given a signing certificate", { notAfter });
    } catch (error) {
      this.#retryAtMs = clock.monotonicMs() + this.#backoff.nextMs();
      this.#serverFailed(error);
    } finally {
      this.#isRenewing = false;
    }
  }

  /** Throws `issuer-failed` for a pair that does not do under the roots of now. */
  #install(chainPem: string, keyPem: string, renewAtMs?: number): SigningPair {
    const { trustDomain, clock } = this.#options;
    const rootsPem =
      this.#identity === undefined ? "" : formatTrustBundlePem(this.#identity.bundle);
    const pair = new SigningPair(
      { trustDomain, certificatePem: chainPem, keyPem, rootsPem },
      clock,
    );
    const nowMs = clock.nowMs();
    const halfMs = nowMs + (pair.notAfterMs - nowMs) / 2;
    this.#held = { pair, chainPem, keyPem, renewAtMs: renewAtMs ?? halfMs };
    this.#serverFinding = undefined;
    this.#opened?.resolve();
    this.#opened = undefined;
    this.#changed();
    return pair;
  }

  #serverFailed(error: unknown): void {
    const finding = messageOf(error);
    if (finding !== this.#serverFinding) this.#warn(finding);
    this.#serverFinding = finding;
    this.#failed(error);
  }

  #agentFailed(error: Error): void {
    const finding = messageOf(error);
    if (finding !== this.#agentFinding) this.#warn(finding);
    this.#agentFinding = finding;
    this.#failed(error);
  }

  #warn(reason: string): void {
    const kept = this.#held === undefined ? "" : "; the last signing certificate stays in force";
    this.#options.log.warn(`SPIRE cannot be asked${kept}`, { reason });
  }

  /** What may pass by itself is tried again; what does not ends a start. */
  #failed(error: unknown): void {
    const isFinal =
      error instanceof MeshError && "isRetryable" in error.detail && !error.detail.isRetryable;
    if (isFinal) this.#opened?.reject(error);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #call(csr: Buffer): Promise<NewDownstreamX509CAResponse> {
    const question = create(NewDownstreamX509CARequestSchema, { csr });
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        METHOD,
        (request: NewDownstreamX509CARequest) =>
          Buffer.from(toBinary(NewDownstreamX509CARequestSchema, request)),
        (bytes: Buffer) => fromBinary(NewDownstreamX509CAResponseSchema, bytes),
        question,
        new Metadata(),
        (error: ServiceError | null, answer?: NewDownstreamX509CAResponse) => {
          timer.cancel();
          if (answer !== undefined && error === null) resolve(answer);
          else reject(refusalOf(error));
        },
      );
      const timer = this.#options.clock.schedule(CALL_TIMEOUT_MS, () => call.cancel());
    });
  }
}

function refusalOf(error: ServiceError | null): Error {
  if (error === null) return issuerFailed("the answer of SPIRE's server is empty", true);
  const { code, details } = error;
  const hint =
    code === grpcStatus.PERMISSION_DENIED
      ? " (is our registration entry marked as -downstream?)"
      : "";
  const message = `NewDownstreamX509CA: ${grpcStatus[code] ?? code}: ${details}${hint}`;
  return issuerFailed(message, !FINAL_CODES.has(code));
}
