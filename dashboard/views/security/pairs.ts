/** What a pair of services may do and does, in one state that has a mark and words. */
import type { AccessPair } from "../../../src/control-plane/telemetry-types.ts";
import { formatCount } from "../../core/format.ts";
import type { StateLook } from "../../core/health.ts";

export type PairState = "denied" | "conditional" | "used" | "unused" | "closed";

/** The worst first. */
export const PAIR: Readonly<Record<PairState, StateLook>> = {
  denied: { word: "Tried and denied", shape: "square", tone: "bad", rank: 0 },
  conditional: { word: "Depends on the request", shape: "triangle", tone: "warn", rank: 1 },
  used: { word: "Allowed and used", shape: "circle", tone: "ok", rank: 2 },
  unused: { word: "Allowed, not used", shape: "ring", tone: "idle", rank: 3 },
  closed: { word: "Not allowed", shape: "dashed", tone: "idle", rank: 4 },
};

export const PAIR_STATES: readonly PairState[] = [
  "denied",
  "conditional",
  "used",
  "unused",
  "closed",
];

export function stateOf({ allowed, requests, denied }: AccessPair): PairState {
  if (denied > 0) return "denied";
  if (allowed === "no") return "closed";
  if (allowed === "conditional") return "conditional";
  return requests > 0 ? "used" : "unused";
}

/** `1,204 requests, 3 denied`. */
export function countsOf({ requests, denied }: AccessPair): string {
  const used = requests === 0 ? "no request" : `${formatCount(requests)} requests`;
  return denied === 0 ? used : `${used}, ${formatCount(denied)} denied`;
}

export const SECURED: Readonly<
  Record<AccessPair["security"], readonly ["ok" | "warn" | "bad" | "idle", string]>
> = {
  mutual_tls: ["ok", "mutual TLS"],
  mixed: ["warn", "in part"],
  none: ["bad", "no"],
  unknown: ["idle", "unknown"],
};
