/**
 * A list of records in a file of its owner's, written whole: what was fetched from elsewhere and serves again after a
 * restart while elsewhere is away.
 */
import { readOptionalFile, replaceFile } from "./state-files.ts";

/** What cannot be understood is left out: it is fetched anew anyway. */
export function readRecords<T>(
  path: string,
  isRecord: (value: unknown) => value is T,
): readonly T[] {
  const text = readOptionalFile(path);
  if (text === undefined) return [];
  try {
    const records: unknown = JSON.parse(text);
    return Array.isArray(records) ? records.filter(isRecord) : [];
  } catch {
    return [];
  }
}

export function writeRecords(path: string, records: readonly unknown[]): void {
  replaceFile(path, `${JSON.stringify(records, null, 2)}\n`, 0o600);
}
