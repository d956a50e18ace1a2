/** What `tulle check` tells of an exporter that cannot send, or has dropped something. */
import type { Finding } from "../../api-types.ts";
import type { PipeState } from "./export-pipe.ts";

/** For so long a drop is worth a word. */
const RECENT_MS = 3_600_000;

export function exporterFindings(
  name: string,
  states: readonly PipeState[],
  nowMs: number,
): readonly Finding[] {
  const object = { kind: "TelemetryExporter", namespace: "", name };
  return states.flatMap((state): readonly Finding[] => {
    const findings: Finding[] = [];
    const { signal, place, failingSinceMs, reason, lastDrop, droppedRecords } = state;
    if (failingSinceMs !== undefined) {
      findings.push({
        ...{ severity: "warning", code: "export-failing", object },
        message: `${signal} do not get to ${place} since ${iso(failingSinceMs)}: ${reason}; ${state.waitingRecords} records wait`,
        hint: "is it running, and does it let us in? Records are kept up to the bound of spec.buffer",
      });
    }
    if (lastDrop !== undefined && nowMs - lastDrop.atMs < RECENT_MS) {
      const isFull = lastDrop.why === "buffer-full";
      findings.push({
        ...{ severity: "warning", code: "export-dropping", object },
        message: `${droppedRecords} records of ${signal} were dropped, the last one at ${iso(lastDrop.atMs)}: ${isFull ? "the buffer was full" : lastDrop.reason}`,
        hint: isFull
          ? "the target takes less than comes: give it more, filter, or raise spec.buffer"
          : "the target refuses them for good; its own log says more",
      });
    }
    return findings;
  });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
