/** JWT-SVIDs of the app, asked of the control plane once for each audience and used for half of their life. */
import { status as grpcStatus } from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.ts";
import { hasCode, messageOf } from "../../core/errors.ts";
import { WORKLOAD_API_TOKENS_MAX } from "../../core/limits.ts";
import type { SignedJwtSvid } from "../../identity/jwt-authority.ts";
import { AUDIENCE_CHARACTERS_MAX, AUDIENCES_MAX } from "../../identity/limits.ts";
import type { CallOutcome, CallRefusal } from "./workload-calls.ts";

interface Kept {
  readonly token: string;
  readonly useUntilMs: number;
}

export class Tokens {
  readonly #sign: (audience: readonly string[]) => Promise<SignedJwtSvid>;
  readonly #clock: Clock;
  /** By audience. Oldest first. */
  readonly #kept = new Map<string, Kept>();

  constructor(sign: (audience: readonly string[]) => Promise<SignedJwtSvid>, clock: Clock) {
    this.#sign = sign;
    this.#clock = clock;
  }

  /** What was signed for a holder that is refused now must not be given out. */
  clear(): void {
    this.#kept.clear();
  }

  async get(audience: readonly string[]): Promise<CallOutcome<string>> {
    const refusal = audienceRefusal(audience);
    if (refusal !== undefined) return { refusal };
    const key = JSON.stringify(audience);
    const kept = this.#kept.get(key);
    const askedMs = this.#clock.nowMs();
    if (kept !== undefined && askedMs < kept.useUntilMs) return { answer: kept.token };
    try {
      const { token, expiresAtMs } = await this.#sign(audience);
      this.#keep(key, { token, useUntilMs: askedMs + (expiresAtMs - askedMs) / 2 });
      return { answer: token };
    } catch (error) {
      return { refusal: { code: codeOf(error), details: messageOf(error) } };
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size <= WORKLOAD_API_TOKENS_MAX) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** SPIFFE Workload API section 6.2.1: a request without an audience is no request. */
function audienceRefusal(audience: readonly string[]): CallRefusal | undefined {
  const isGood =
    audience.length >= 1 &&
    audience.length <= AUDIENCES_MAX &&
    audience.every((one) => one !== "" && one.length <= AUDIENCE_CHARACTERS_MAX);
  if (isGood) return undefined;
  const details = `audience must be 1 to ${AUDIENCES_MAX} texts of 1 to ${AUDIENCE_CHARACTERS_MAX} characters`;
  return { code: grpcStatus.INVALID_ARGUMENT, details };
}

function codeOf(error: unknown): grpcStatus {
  const isRefused =
    hasCode(error, "certificate-request-failed") &&
    "isRefused" in error.detail &&
    error.detail.isRefused === true;
  return isRefused ? grpcStatus.PERMISSION_DENIED : grpcStatus.UNAVAILABLE;
}
