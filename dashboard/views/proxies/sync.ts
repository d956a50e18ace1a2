/** Whether a proxy runs the configuration that it should, and how that is shown. */
import type { ProxyFigures } from "../../../src/control-plane/telemetry-types.ts";
import type { StateLook } from "../../core/health.ts";

/** The worst first. `gone`: it serves on with what it has, and hears of nothing new. */
export const SYNC_STATES = ["refusing", "gone", "stale", "synced"] as const;
export type SyncState = (typeof SYNC_STATES)[number];

export const SYNC: Readonly<Record<SyncState, StateLook>> = {
  refusing: { word: "Refuses", shape: "square", tone: "bad", rank: 0 },
  gone: { word: "Not connected", shape: "dashed", tone: "idle", rank: 1 },
  stale: { word: "Behind", shape: "triangle", tone: "warn", rank: 2 },
  synced: { word: "In sync", shape: "circle", tone: "ok", rank: 3 },
};

export function syncOf({ refusal, isConnected, staleSeconds }: ProxyFigures): SyncState {
  if (refusal !== null) return "refusing";
  if (!isConnected) return "gone";
  return staleSeconds === null ? "synced" : "stale";
}

/** Whether a proxy is known to be of another version than the control plane; one of the two may be unknown, and empty. */
export function hasSkew(version: string, expected: string): boolean {
  return version !== "" && expected !== "" && version !== expected;
}
