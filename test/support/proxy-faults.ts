/** Errors of the proxy's own: it survives them, and a test that caused one fails whatever else it shows. */
import assert from "node:assert/strict";

const FAULT = "an error of this proxy ended a connection";

/** `lines` are those of a proxy's log. Throws when one of them tells of a fault. */
export function assertNoFaults(lines: readonly string[]): void {
  assert.deepEqual(
    lines.filter((line) => line.includes(FAULT)),
    [],
  );
}
