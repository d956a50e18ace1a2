/** Verifies an audit log from its files alone: each record's own hash, the chain, the numbers, what is missing at its start. */
import { basename } from "node:path";
import { GENESIS_HASH, isIntact, parseAuditLine } from "./audit-record.ts";
import { listSegments, readSegment } from "./audit-segments.ts";

export interface AuditVerification {
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  /** The last record of the unbroken chain: note it elsewhere, and a log that was cut short can be told. */
  readonly head: { readonly seq: number; readonly hash: string };
  /** The first record that is not as it was written. */
  readonly broken?: {
    readonly file: string;
    /** Counted from 1. */
    readonly line: number;
    readonly seq?: number;
    readonly reason: string;
  };
  /** Records before the first were removed by the log itself, which says so. */
  readonly removedBefore?: number;
  /** Places where a crash tore a record, as the log itself tells them. */
  readonly torn: readonly { readonly seq: number; readonly time: string; readonly bytes: number }[];
}

/** What `log` records say of records that were removed, or torn. */
interface LogDetails {
  readonly removedUpTo?: { readonly seq?: unknown; readonly hash?: unknown };
  readonly tornBytes?: unknown;
}

/** A record that was in the log once, as somebody noted it elsewhere. */
export interface NotedHead {
  readonly seq: number;
  readonly hash: string;
}

/** `4812:5f0c…`, the number and the hash, or the beginning of it: 8 digits or more. Undefined for anything else. */
export function parseNotedHead(text: string): NotedHead | undefined {
  const match = /^(\d{1,15})[: ]([0-9a-f]{8,64})$/.exec(text);
  const [, seq = "", hash = ""] = match ?? [];
  return match === null ? undefined : { seq: Number(seq), hash };
}

/** With `noted`, that record must be there as it was: a log that was cut short, or written anew, is told by it. */
export async function verifyAudit(folder: string, noted?: NotedHead): Promise<AuditVerification> {
  const chain = new Chain(noted);
  const segments = listSegments(folder);
  for (const { path } of segments) {
    const { lines, tail } = await readSegment(path);
    const file = basename(path);
    for (const [index, line] of lines.entries()) {
      const reason = chain.take(line);
      if (reason === undefined) continue;
      const seq = parseAuditLine(line)?.seq;
      return chain.result(segments.length, {
        file,
        line: index + 1,
        ...(seq === undefined ? {} : { seq }),
        reason,
      });
    }
    if (tail !== "") {
      const reason = "the last record was not written whole";
      return chain.result(segments.length, { file, line: lines.length + 1, reason });
    }
  }
  const first = basename(segments[0]?.path ?? "");
  const last = basename(segments.at(-1)?.path ?? "");
  return chain.result(segments.length, chain.missingStart(first) ?? chain.missingHead(last));
}

class Chain {
  readonly #noted: NotedHead | undefined;
  #isNotedMet = false;
  #records = 0;
  #first: { readonly seq: number; readonly prev: string } | undefined;
  #head = { seq: 0, hash: GENESIS_HASH };
  readonly #torn: AuditVerification["torn"][number][] = [];
  /** Hashes of last records that were removed, by number. */
  readonly #removed = new Map<number, string>();

  constructor(noted: NotedHead | undefined) {
    this.#noted = noted;
  }

  /** Why the record breaks the chain. */
  take(line: string): string | undefined {
    const record = parseAuditLine(line);
    if (record === undefined) return "it is no record";
    if (!isIntact(line)) return "its text is not what its hash was made of";
    if (this.#first !== undefined) {
      if (record.seq !== this.#head.seq + 1) {
        return `its number is ${record.seq}, ${this.#head.seq + 1} should follow`;
      }
      if (record.prev !== this.#head.hash) return "it does not follow the record before it";
    }
    if (record.seq === this.#noted?.seq) {
      if (!record.hash.startsWith(this.#noted.hash)) return "it is not the one that was noted";
      this.#isNotedMet = true;
    }
    this.#first ??= { seq: record.seq, prev: record.prev };
    this.#head = { seq: record.seq, hash: record.hash };
    this.#records += 1;
    if (record.kind === "log") this.#note(record.seq, record.time, record.details ?? {});
    return undefined;
  }

  /** A log that does not begin with the first record must say that it removed those before. */
  missingStart(file: string): AuditVerification["broken"] {
    const first = this.#first;
    if (first === undefined || (first.seq === 1 && first.prev === GENESIS_HASH)) return undefined;
    if (this.#removed.get(first.seq - 1) === first.prev) return undefined;
    return { file, line: 1, seq: first.seq, reason: "the records before it are missing" };
  }

  /** The record that was noted must not be missing at the end. What the log removed itself is older. */
  missingHead(file: string): AuditVerification["broken"] {
    const noted = this.#noted;
    if (noted === undefined || this.#isNotedMet || noted.seq < (this.#first?.seq ?? 0)) {
      return undefined;
    }
    const reason = `record ${noted.seq}, which was noted, is missing`;
    return { file, line: this.#records + 1, reason };
  }

  result(segments: number, broken: AuditVerification["broken"]): AuditVerification {
    const first = this.#first?.seq ?? 1;
    return {
      ok: broken === undefined,
      records: this.#records,
      segments,
      head: this.#head,
      ...(broken === undefined ? {} : { broken }),
      ...(first > 1 && broken === undefined ? { removedBefore: first } : {}),
      torn: this.#torn,
    };
  }

  #note(seq: number, time: string, { removedUpTo, tornBytes }: LogDetails): void {
    if (typeof tornBytes === "number") this.#torn.push({ seq, time, bytes: tornBytes });
    const { seq: removedSeq, hash } = removedUpTo ?? {};
    if (typeof removedSeq === "number" && typeof hash === "string") {
      this.#removed.set(removedSeq, hash);
    }
  }
}
