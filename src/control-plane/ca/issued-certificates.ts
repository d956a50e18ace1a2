/**
 * Which certificates are out and who holds them, on disk: what a root may be retired by, and what an instance's
 * revocation means. A line for each certificate; those that have expired are dropped.
 */
import { appendFileSync } from "node:fs";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import {
  CERTIFICATE_USES,
  type CertificateUse,
  certificateUse,
} from "../../identity/certificate-use.ts";
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";

export interface IssuedEntry {
  readonly serialHex: string;
  readonly spiffeId: string;
  /** The node id that the holder gave; "" when it gave none. */
  readonly instance: string;
  /** "workload-api": of the app beside the sidecar, and not followed by one of the sidecar. */
  readonly use?: CertificateUse | undefined;
  readonly rootId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Its holder said goodbye: nobody uses it any more. */
  readonly hasLeft?: boolean | undefined;
}

export interface IssuedCertificatesOptions {
  /** Undefined keeps nothing on disk. */
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Beyond it the oldest are forgotten: a thousand instances with a certificate a minute for an hour. */
const ENTRIES_MAX = 100_000;
/** Lines in the file beside those that count, before it is written anew. */
const STALE_LINES_MAX = 5_000;

export class IssuedCertificates {
  readonly #options: IssuedCertificatesOptions;
  /** By serial number, oldest first. */
  readonly #entries = new Map<string, IssuedEntry>();
  #lines = 0;

  /** Lines that cannot be read are passed over: what they said is unknown, and expires. */
  constructor(options: IssuedCertificatesOptions) {
    this.#options = options;
    const text = options.path === undefined ? undefined : readOptionalFile(options.path);
    for (const line of (text ?? "").split("\n")) {
      const entry = parseLine(line);
      if (entry !== undefined) this.#keep(entry);
    }
    this.#compact();
  }

  add(entry: IssuedEntry): void {
    this.#keep(entry);
    const { path, log } = this.#options;
    if (path === undefined) return;
    try {
      appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
      this.#lines += 1;
      if (this.#lines > this.#entries.size + STALE_LINES_MAX) this.#compact();
    } catch (error) {
      // The certificate is out: refusing it now would help nobody.
      log.error("an issued certificate cannot be written down", { path, error });
    }
  }

  /** The holder has gone for good. */
  leave(holder: Pick<IssuedEntry, "spiffeId" | "instance">): void {
    for (const use of CERTIFICATE_USES) {
      const gone = holderOf({ ...holder, use });
      const current = this.current().find((entry) => holderOf(entry) === gone);
      if (current !== undefined) this.add({ ...current, hasLeft: true });
    }
  }

  /** Every certificate that is valid, replaced ones included. */
  valid(): readonly IssuedEntry[] {
    this.#dropExpired();
    return [...this.#entries.values()];
  }

  /** Of each holder that is not gone the newest. Holders without a node id are told apart by serial number. */
  current(): readonly IssuedEntry[] {
    const byHolder = new Map<string, IssuedEntry>();
    for (const entry of this.valid()) {
      byHolder.set(entry.instance === "" ? entry.serialHex : holderOf(entry), entry);
    }
    return [...byHolder.values()].filter(({ hasLeft }) => hasLeft !== true);
  }

  #keep(entry: IssuedEntry): void {
    // The newest comes last.
    this.#entries.delete(entry.serialHex);
    this.#entries.set(entry.serialHex, entry);
    if (this.#entries.size <= ENTRIES_MAX) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  #dropExpired(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [serial, { notAfterMs }] of this.#entries) {
      if (notAfterMs <= nowMs) this.#entries.delete(serial);
    }
  }

  #compact(): void {
    const { path } = this.#options;
    this.#dropExpired();
    this.#lines = this.#entries.size;
    if (path === undefined) return;
    const lines = [...this.#entries.values()].map((entry) => `${JSON.stringify(entry)}\n`);
    replaceFile(path, lines.join(""), 0o600);
  }
}

function holderOf({
  spiffeId,
  instance,
  use = "",
}: Pick<IssuedEntry, "spiffeId" | "instance" | "use">): string {
  return `${spiffeId} ${instance} ${use}`;
}

function parseLine(line: string): IssuedEntry | undefined {
  try {
    const entry = JSON.parse(line);
    const { serialHex, spiffeId, instance, rootId, notBeforeMs, notAfterMs, hasLeft } = entry;
    const isGood =
      [serialHex, spiffeId, instance, rootId].every((text) => typeof text === "string") &&
      Number.isFinite(notBeforeMs) &&
      Number.isFinite(notAfterMs);
    if (!isGood) return undefined;
    const use = certificateUse(entry.use ?? "") ?? "";
    const rest = hasLeft === true ? { hasLeft } : {};
    return { serialHex, spiffeId, instance, use, rootId, notBeforeMs, notAfterMs, ...rest };
  } catch {
    return undefined;
  }
}
