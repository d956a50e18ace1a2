/** The keys that were fetched last, on disk: a control plane that starts while an issuer is away goes on with them. */

import { parseKeySet } from "../../decision/jwt/json-web-key-set.ts";
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";

export interface KeySetRecord {
  /** Of its source. */
  readonly key: string;
  readonly document: string;
  /** Since the epoch. */
  readonly fetchedAtMs: number;
}

/** What cannot be understood is left out: keys are fetched anyway. */
export function readKeySets(path: string): readonly KeySetRecord[] {
  const text = readOptionalFile(path);
  if (text === undefined) return [];
  try {
    const records: unknown = JSON.parse(text);
    return Array.isArray(records) ? records.filter(isRecord) : [];
  } catch {
    return [];
  }
}

export function writeKeySets(path: string, records: readonly KeySetRecord[]): void {
  replaceFile(path, `${JSON.stringify(records, null, 2)}\n`, 0o600);
}

function isRecord(value: unknown): value is KeySetRecord {
  if (typeof value !== "object" || value === null) return false;
  const { key, document, fetchedAtMs } = value as Partial<KeySetRecord>;
  return (
    typeof key === "string" &&
    typeof fetchedAtMs === "number" &&
    typeof document === "string" &&
    parseKeySet(document).kind === "keys"
  );
}
