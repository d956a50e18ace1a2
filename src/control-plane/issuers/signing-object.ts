/**
 * A certificate by way of an object in Kubernetes: made with the request, looked at until somebody has signed or refused
 * it, deleted afterwards whatever came of it. Which object that is, and what its conditions mean, the issuers say.
 */
import { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { asksForNothingBut } from "../../identity/csr.ts";
import { issuerFailed, type SignRequest } from "../../identity/issuers/certificate-issuer.ts";
import { formatPem, parsePem } from "../../identity/pem.ts";
import type { KubernetesApi } from "./kubernetes-api.ts";

/** Below the time that a request for a certificate has: this says what it waited for. */
const WAIT_MS_MAX = 7_000;
const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 500;
const DELETE_TIMEOUT_MS = 5_000;

/** Both API groups know these, and others. */
export const USAGES_DEFAULT = ["digital signature", "client auth", "server auth"] as const;

/** On each object, for people and for whoever approves by policy. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "tulle" } as const;
export const SPIFFE_ID_ANNOTATION = "mesh.tulle.dev/spiffe-id";

export const conditions = z
  .array(
    z.object({
      type: z.string(),
      // Unset says the same (certificates.k8s.io/v1).
      status: z.string().default("True"),
      reason: z.string().optional(),
      message: z.string().optional(),
    }),
  )
  .default([]);
export type Conditions = z.infer<typeof conditions>;

const named = z.object({ metadata: z.object({ name: z.string().min(1) }) });

/** What an object says at this moment. Refusals are thrown. */
export type ObjectVerdict<T> =
  | { readonly isSigned: true; readonly value: T }
  /** `waitsFor` ends a sentence: "nobody has approved it". */
  | { readonly isSigned: false; readonly waitsFor: string };

export interface SigningObject<T> {
  readonly api: KubernetesApi;
  /** Of the objects of this kind. */
  readonly collection: string;
  readonly body: object;
  /** Throws `issuer-failed` for an object that was refused. */
  readonly read: (object: unknown) => ObjectVerdict<T>;
  /** Something to do with the object once it is there. */
  readonly afterCreate?: (created: unknown, path: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Rejects with `issuer-failed`, or with anything when `signal` aborts. */
export async function signByObject<T>(
  { api, collection, body, read, afterCreate, clock, log }: SigningObject<T>,
  signal: AbortSignal,
): Promise<T> {
  const created = await api.call("POST", collection, signal, body);
  const { name } = understood(named, created).metadata;
  const path = `${collection}/${encodeURIComponent(name)}`;
  try {
    await afterCreate?.(created, path);
    const endMs = clock.monotonicMs() + WAIT_MS_MAX;
    for (let lookMs = LOOK_MS_MIN; ; lookMs = Math.min(LOOK_MS_MAX, lookMs * 2)) {
      await pause(lookMs, clock, signal);
      const verdict = read(await api.call("GET", path, signal));
      if (verdict.isSigned) return verdict.value;
      if (clock.monotonicMs() > endMs) {
        throw issuerFailed(`${name}: after ${WAIT_MS_MAX / 1000} s ${verdict.waitsFor}`, true);
      }
    }
  } finally {
    await remove(api, path, log);
  }
}

/** A request that names anything but the identity is not passed on: its names would be signed. Throws `issuer-failed`. */
export function requestText({ csrDer, spiffeId }: SignRequest): string {
  if (!asksForNothingBut(csrDer, spiffeId)) {
    throw issuerFailed(
      `the signing request asks for something else than ${spiffeId}: sidecars of this version ask for just that`,
      false,
    );
  }
  return Buffer.from(formatPem("CERTIFICATE REQUEST", csrDer)).toString("base64");
}

/** The certificates in a field of base64 that holds PEM. */
export function certificatesIn(field: string): readonly Buffer[] {
  return parsePem(Buffer.from(field, "base64").toString("utf8"), "CERTIFICATE");
}

/** The condition that is true, with its reason, for a message; undefined when there is none. */
export function conditionText(all: Conditions, type: string, status = "True"): string | undefined {
  const found = all.find((one) => one.type === type && one.status === status);
  if (found === undefined) return undefined;
  const why = [found.reason, found.message].filter(Boolean).join(": ");
  return why === "" ? "no reason is given" : why.replace(/\s+/g, " ");
}

export function understood<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw issuerFailed("the answer is not one of the Kubernetes API", true);
}

/** Left over objects hold no secret: they only lie about. */
async function remove(api: KubernetesApi, path: string, log: Logger): Promise<void> {
  try {
    await api.call("DELETE", path, AbortSignal.timeout(DELETE_TIMEOUT_MS));
  } catch (error) {
    log.warn("an object that is of no more use is left over", { path, reason: messageOf(error) });
  }
}

function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.schedule(ms, () => {
      signal.removeEventListener("abort", give);
      resolve();
    });
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
}
