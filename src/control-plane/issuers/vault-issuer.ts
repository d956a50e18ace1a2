/**
 * Vault's PKI engine (OpenBao's, too) as the issuer: `sign/ROLE` with the caller's signing request and one URI SAN. Its
 * token comes from a file and is renewed at half of its life; its chain is read again every ten minutes.
 */
import { z } from "zod";
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { type Certificate, parseCertificate } from "../../identity/certificate.ts";
import {
  type CertificateIssuer,
  issuerFailed,
  type SignRequest,
} from "../../identity/issuers/certificate-issuer.ts";
import { formatPem, parsePem } from "../../identity/pem.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { callJson } from "./json-call.ts";
import { readSecret, readText } from "./secret-file.ts";

const CHAIN_REREAD_MS = 10 * 60_000;
const CALL_TIMEOUT_MS = 10_000;
const RENEW_RETRY_MS = 30_000;
/** The clocks of both may differ: a lifetime that just fits there would be refused. */
const MARGIN_MS = 5_000;

/** Only what is used; everything else may be there. */
const chainAnswer = z.object({ data: z.object({ certificate: z.string() }) });
const signAnswer = z.object({
  data: z.object({
    certificate: z.string(),
    issuing_ca: z.string().default(""),
    ca_chain: z.array(z.string()).nullish(),
  }),
});
const lookupAnswer = z.object({ data: z.object({ ttl: z.number(), renewable: z.boolean() }) });
const renewAnswer = z.object({ auth: z.object({ lease_duration: z.number() }) });
const failure = z.object({ errors: z.array(z.string()) });

export interface VaultConfig {
  readonly address: string;
  readonly mount: string;
  readonly role: string;
  readonly tokenFile: string;
  readonly caFile?: string | undefined;
  readonly namespace?: string | undefined;
  /** Roots, where the engine's chain does not reach one. */
  readonly rootsFile?: string | undefined;
}

export interface VaultIssuerOptions extends VaultConfig {
  readonly clock: Clock;
  readonly log: Logger;
}

export class VaultIssuer implements CertificateIssuer {
  readonly kind = "vault";
  readonly place: string;
  readonly #options: VaultIssuerOptions;
  readonly #listeners: (() => void)[] = [];
  readonly #closing = new AbortController();
  #timers: Timer[] = [];
  #roots: readonly Certificate[] = [];
  #notAfterMs: number | undefined;
  #finding: string | undefined;

  constructor(options: VaultIssuerOptions) {
    this.#options = options;
    this.place = `${options.address} (${options.mount}, role ${options.role})`;
  }

  get roots(): readonly Certificate[] {
    return this.#roots;
  }

  get notAfterMs(): number | undefined {
    return this.#notAfterMs;
  }

  get finding(): string | undefined {
    return this.#finding;
  }

  async open(signal: AbortSignal): Promise<void> {
    // Whatever the first attempt comes to, later ones follow.
    this.#later(CHAIN_REREAD_MS, () => this.#rereadChain());
    this.#later(0, () => this.#keepToken());
    await this.#readChain(signal);
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<readonly Buffer[]> {
    const leftMs = (this.#notAfterMs ?? Number.POSITIVE_INFINITY) - this.#options.clock.nowMs();
    const ttlMs = Math.min(request.lifetimeMs, leftMs - MARGIN_MS);
    const value = await this.#call("POST", `${this.#mount()}/sign/${this.#role()}`, signal, {
      csr: formatPem("CERTIFICATE REQUEST", request.csrDer),
      // A role that takes names from the request gets none: ours have no names.
      uri_sans: request.spiffeId,
      exclude_cn_from_sans: true,
      ttl: `${Math.max(1, Math.floor(ttlMs / 1000))}s`,
      format: "pem",
    });
    const { data } = understood(signAnswer, value);
    const above = data.ca_chain ?? [data.issuing_ca];
    return [data.certificate, ...above].flatMap((pem) => parsePem(pem, "CERTIFICATE"));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#closing.abort();
    for (const timer of this.#timers) timer.cancel();
  }

  async #readChain(signal: AbortSignal): Promise<void> {
    const value = await this.#call("GET", `${this.#mount()}/cert/ca_chain`, signal);
    const { data } = understood(chainAnswer, value);
    const chain = parsePem(data.certificate, "CERTIFICATE").map(parseCertificate);
    const { rootsFile } = this.#options;
    const roots =
      rootsFile === undefined
        ? chain.filter((one) => one.subjectDer.equals(one.issuerDer))
        : parsePem(readText(rootsFile), "CERTIFICATE").map(parseCertificate);
    if (roots.length === 0) {
      throw issuerFailed(
        `the chain of ${this.place} does not reach a root: name one with rootsFile`,
        false,
      );
    }
    const isSame = roots.map(rootIdOf).join() === this.#roots.map(rootIdOf).join();
    if (!isSame) this.#roots = roots;
    this.#notAfterMs = Math.min(...chain.map((one) => one.notAfterMs));
  }

  async #rereadChain(): Promise<void> {
    try {
      await this.#readChain(this.#signal());
      this.#found(undefined);
    } catch (error) {
      this.#found(`the chain cannot be read: ${messageOf(error)}`);
    }
    this.#later(CHAIN_REREAD_MS, () => this.#rereadChain());
  }

  /** A token that is not renewable is somebody else's to replace. */
  async #keepToken(): Promise<void> {
    let againMs = RENEW_RETRY_MS;
    try {
      const lookup = await this.#call("GET", "auth/token/lookup-self", this.#signal());
      const { ttl, renewable } = understood(lookupAnswer, lookup).data;
      let leftS = ttl;
      if (renewable && ttl > 0) {
        const renewed = await this.#call("POST", "auth/token/renew-self", this.#signal(), {});
        leftS = understood(renewAnswer, renewed).auth.lease_duration;
      }
      // One without an end has 0.
      againMs = leftS === 0 ? CHAIN_REREAD_MS : Math.max(1000, (leftS * 1000) / 2);
      if (this.#finding?.startsWith("the token") === true) this.#found(undefined);
    } catch (error) {
      this.#found(`the token cannot be renewed: ${messageOf(error)}`);
    }
    this.#later(Math.min(againMs, CHAIN_REREAD_MS), () => this.#keepToken());
  }

  #found(finding: string | undefined): void {
    if (finding !== undefined && finding !== this.#finding) {
      this.#options.log.warn("the issuer vault", { reason: finding });
    }
    this.#finding = finding;
    for (const listener of this.#listeners) listener();
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    signal: AbortSignal,
    body?: object,
  ): Promise<unknown> {
    const { address, tokenFile, caFile, namespace } = this.#options;
    const { status, value } = await callJson({
      method,
      url: `${address.replace(/\/+$/, "")}/v1/${path}`,
      headers: {
        "x-vault-token": readSecret(tokenFile),
        // Vault's guard against requests that a browser was led to make.
        "x-vault-request": "true",
        ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
      },
      ca: caFile === undefined ? undefined : readText(caFile),
      signal,
      ...(body === undefined ? {} : { body }),
    });
    if (status === 200) return value;
    const told = failure.safeParse(value);
    const reason = told.success ? told.data.errors.join("; ").replace(/\s+/g, " ") : "no reason";
    const hint =
      status === 403 ? ` (is the token in ${tokenFile} valid, with a policy for it?)` : "";
    // 400 and 404 are about the request and the role; the others pass, or a new token makes them.
    const isRetryable = status !== 400 && status !== 404;
    throw issuerFailed(`${path}: status ${status}: ${reason}${hint}`, isRetryable);
  }

  #mount(): string {
    return this.#options.mount.split("/").map(encodeURIComponent).join("/");
  }

  #role(): string {
    return encodeURIComponent(this.#options.role);
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
  }

  #later(delayMs: number, act: () => Promise<void>): void {
    if (this.#closing.signal.aborted) return;
    const timer = this.#options.clock.schedule(delayMs, () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
      void act();
    });
    this.#timers.push(timer);
  }
}

function understood<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw issuerFailed("the answer is not one of Vault's PKI engine", true);
}
