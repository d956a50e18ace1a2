/** Audit records as lines of JSON in a file of somebody else's, for whoever collects files. */
import { appendFile } from "node:fs/promises";
import type { AuditRecord } from "../../telemetry/audit/audit-record.ts";
import type { AuditTarget } from "./export-queue.ts";

export class FileTarget implements AuditTarget {
  readonly name: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.name = `file:${path}`;
  }

  async send(records: readonly AuditRecord[]): Promise<void> {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join("");
    // Opened anew each time: a file that was rotated away is made again.
    await appendFile(this.#path, text, { mode: 0o600 });
  }

  close(): void {}
}
