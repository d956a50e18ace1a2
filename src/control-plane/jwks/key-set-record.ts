/** The keys that were fetched last, on disk: a control plane that starts while an issuer is away goes on with them. */

import { parseKeySet } from "../../decision/jwt/json-web-key-set.ts";

export interface KeySetRecord {
  /** Of its source. */
  readonly key: string;
  readonly document: string;
  /** Since the epoch. */
  readonly fetchedAtMs: number;
}

export function isKeySetRecord(value: unknown): value is KeySetRecord {
  if (typeof value !== "object" || value === null) return false;
  const { key, document, fetchedAtMs } = value as Partial<KeySetRecord>;
  return (
    typeof key === "string" &&
    typeof fetchedAtMs === "number" &&
    typeof document === "string" &&
    parseKeySet(document).kind === "keys"
  );
}
