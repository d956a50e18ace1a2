/**
 * Who comes in plain text, and who comes with what is not taken, as `tulle check` and `tulle describe` tell: asked of the
 * sidecars themselves, which know the addresses.
 */
import type { Finding } from "../control-plane/api-types.ts";
import { CliError } from "./errors.ts";
import { askProxy } from "./proxy-admin.ts";
import { parseSeries, type Series } from "./up/mesh-traffic.ts";

const PLAIN = "tulle_plaintext_connections_total";
const MISMATCH = "tulle_mtls_mismatches_total";
/** Addresses that a finding names. */
const ADDRESSES_SHOWN = 5;

export interface AskedProxy {
  readonly id: string;
  /** Of its admin server. */
  readonly adminAddress: string | null;
}

/** A proxy that cannot be asked says nothing: others tell of that. */
export async function mtlsFindings(proxy: AskedProxy): Promise<readonly Finding[]> {
  if (proxy.adminAddress === null) return [];
  try {
    const text = await askProxy(proxy.adminAddress, { method: "GET", path: "/stats/prometheus" });
    return [...plainTextFindings(proxy.id, text), ...mismatchFindings(proxy.id, text)];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [];
  }
}

/** By the object that lets them in. */
function plainTextFindings(id: string, exposition: string): readonly Finding[] {
  return grouped(parseSeries(exposition, PLAIN), ["policy"]).map(({ labels, series }) => ({
    severity: "info",
    code: "plain-text-callers",
    message: `${id} got ${countText(series)} in plain text from ${addressesText(series)}`,
    hint: `give these callers a sidecar; then set ${labels.get("policy")} to STRICT`,
  }));
}

function mismatchFindings(id: string, exposition: string): readonly Finding[] {
  const groups = grouped(parseSeries(exposition, MISMATCH), ["policy", "mode", "arrived"]);
  return groups.map(({ labels, series }) => {
    const mode = labels.get("mode") ?? "";
    const takes = TAKES[mode] ?? mode;
    return {
      severity: "warning",
      code: "mtls-mismatch",
      message: `${id} refused ${countText(series)} from ${addressesText(series)}: ${labels.get("arrived")} arrived, and its port takes ${takes} (${mode})`,
      hint: `give these callers a sidecar, or change ${labels.get("policy")}`,
    };
  });
}

const TAKES: Readonly<Record<string, string>> = {
  STRICT: "mutual TLS only",
  PERMISSIVE: "plain text, and mutual TLS of the mesh",
  DISABLE: "plain text only",
};

interface Group {
  /** Those that all of its series have, and those of the first. */
  readonly labels: Series["labels"];
  readonly series: Series[];
}

function grouped(series: readonly Series[], names: readonly string[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const one of series) {
    if (one.count === 0) continue;
    const key = names.map((name) => one.labels.get(name) ?? "").join("\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { labels: one.labels, series: [one] });
    else group.series.push(one);
  }
  return [...groups.values()];
}

function countText(series: readonly Series[]): string {
  const count = series.reduce((sum, one) => sum + one.count, 0);
  return count === 1 ? "1 connection" : `${count} connections`;
}

function addressesText(series: readonly Series[]): string {
  const counts = new Map<string, number>();
  for (const { labels, count } of series) {
    const address = labels.get("source_address") ?? "";
    counts.set(address, (counts.get(address) ?? 0) + count);
  }
  const addresses = [...counts].sort(([, a], [, b]) => b - a).map(([address]) => address);
  const more = addresses.length - ADDRESSES_SHOWN;
  const shown = addresses.slice(0, ADDRESSES_SHOWN).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
