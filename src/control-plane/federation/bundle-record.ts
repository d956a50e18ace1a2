/** The bundles that were fetched last, on disk: a control plane that starts while another mesh is away goes on with them. */

export interface BundleRecord {
  readonly trustDomain: string;
  /** As it was published. */
  readonly document: string;
}

export function isBundleRecord(value: unknown): value is BundleRecord {
  if (typeof value !== "object" || value === null) return false;
  const { trustDomain, document } = value as Partial<BundleRecord>;
  return typeof trustDomain === "string" && typeof document === "string";
}
