/**
 * What authorization policies denied and whose certificates were refused, out of a sidecar's Prometheus text: only lines
 * of these two counters are taken apart.
 */
import type { PeerRejectionCode } from "../../identity/peer-rejection.ts";

const DENIED = "tulle_policy_decisions_total{";
const REFUSED = "tulle_downstream_connections_refused_total{";
/** Of all reasons that are not about who it is (limits, protocols), and of callers that show nothing, nothing is told. */
const CERTIFICATE_REASONS: ReadonlySet<string> = new Set<PeerRejectionCode>([
  "bad-signature",
  "ca-as-leaf",
  "expired",
  "issuer-expired",
  "not-spiffe",
  "not-yet-valid",
  "revoked",
  "unexpected-identity",
  "untrusted-domain",
  "untrusted-issuer",
  "uri-san-count",
]);
/** A sidecar has at most so many series of a family. */
const SERIES_MAX = 4096;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

export interface DeniedSeries {
  /** `certificate`: refused in the handshake, for the reason in `condition`. */
  readonly by: "policy" | "certificate";
  readonly policy: string;
  readonly rule: string;
  readonly condition: string;
  readonly principal: string;
  readonly count: number;
}

/** By the name and the text of the labels. Dry runs are left out. */
export function readDenials(exposition: string): ReadonlyMap<string, DeniedSeries> {
  const found = new Map<string, DeniedSeries>();
  for (const line of exposition.split("\n")) {
    const isDenial = line.startsWith(DENIED) && line.includes('result="denied"');
    if (!isDenial && !line.startsWith(REFUSED)) continue;
    const end = line.lastIndexOf("}");
    const count = Number(line.slice(end + 1).trim());
    if (end < 0 || !Number.isFinite(count) || found.size === SERIES_MAX) continue;
    const series = seriesOf(isDenial, labelsOf(line.slice(0, end)), count);
    if (series !== undefined) found.set(line.slice(0, end), series);
  }
  return found;
}

function seriesOf(
  isDenial: boolean,
  labels: ReadonlyMap<string, string>,
  count: number,
): DeniedSeries | undefined {
  const label = (name: string): string => labels.get(name) ?? "";
  if (!isDenial) {
    const reason = label("reason");
    if (!CERTIFICATE_REASONS.has(reason)) return undefined;
    return { by: "certificate", policy: "", rule: "", condition: reason, principal: "", count };
  }
  if (label("mode") === "shadow") return undefined;
  return {
    by: "policy",
    policy: label("policy"),
    rule: label("rule"),
    condition: label("condition"),
    principal: label("source_principal"),
    count,
  };
}

function labelsOf(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(LABEL)) labels.set(name, unescaped(value));
  return labels;
}

/** Prometheus' text format: \\, \" and \n. */
function unescaped(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
}
