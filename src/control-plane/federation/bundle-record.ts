/** The bundles that were fetched last, on disk: a control plane that starts while another mesh is away goes on with them. */
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";

export interface BundleRecord {
  readonly trustDomain: string;
  /** As it was published. */
  readonly document: string;
}

/** What cannot be understood is left out: bundles are fetched anyway. */
export function readBundles(path: string): readonly BundleRecord[] {
  const text = readOptionalFile(path);
  if (text === undefined) return [];
  try {
    const records: unknown = JSON.parse(text);
    return Array.isArray(records) ? records.filter(isRecord) : [];
  } catch {
    return [];
  }
}

export function writeBundles(path: string, records: readonly BundleRecord[]): void {
  replaceFile(path, `${JSON.stringify(records, null, 2)}\n`, 0o600);
}

function isRecord(value: unknown): value is BundleRecord {
  if (typeof value !== "object" || value === null) return false;
  const { trustDomain, document } = value as Partial<BundleRecord>;
  return typeof trustDomain === "string" && typeof document === "string";
}
